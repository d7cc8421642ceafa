"""`brokerctl add`: the kinds that OAuth itself knows."""

from pathlib import Path

import click

from broker.control.adding_words import (
    STDIN,
    AddWords,
    Option,
    body_of_any,
    read_secret,
    required,
)
from broker.control.broker import Json

OPTIONS: tuple[Option, ...] = (
    click.option(
        "--client-credentials",
        is_flag=True,
        help="A client that asks in its own name (RFC 6749 section 4.4).",
    ),
    click.option("--issuer", help="A preset or an issuer URL."),
    click.option("--client-id", help="What the issuer calls the client."),
    click.option(
        "--client-secret-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A file that holds the secret of the client alone; - for standard input.",
    ),
)


def client_credentials_body(words: AddWords) -> Json:
    """The request for a client that asks in its own name.

    Raises:
        BrokerError: something is missing, or a file cannot be read.
    """
    issuer, client_id, _ = required(words, "issuer", "client_id", "client_secret_file")
    file = words["client_secret_file"] or STDIN
    return {
        **body_of_any(words, "client_credentials"),
        "issuer": issuer,
        "client_id": client_id,
        "client_secret": read_secret(file, "Client secret"),
    }


def oauth_files(words: AddWords) -> list[Path]:
    """The files whose secrets the daemon has taken over."""
    file = words["client_secret_file"]
    return [] if file is None else [file]
