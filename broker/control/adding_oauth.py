"""`brokerctl add`: the kinds that OAuth itself knows."""

import os
import stat
from pathlib import Path

import click

from broker.control.adding_words import (
    STDIN,
    AddWords,
    Option,
    body_of_any,
    read_key,
    read_secret,
    required,
)
from broker.control.asking import ask_passphrase
from broker.control.broker import Json
from broker.control.login_request import parameter_pairs
from broker.control.output import bad_usage
from broker.oauth.private_keys import is_encrypted_pem

_FILE = click.Path(path_type=Path)

OPTIONS: tuple[Option, ...] = (
    click.option(
        "--client-credentials",
        is_flag=True,
        help="A client that asks in its own name (RFC 6749 section 4.4).",
    ),
    click.option(
        "--jwt-bearer",
        is_flag=True,
        help="A JWT of yours says for whom the token is (RFC 7523 section 2.1).",
    ),
    click.option(
        "--issuer",
        metavar="ISSUER",
        help="Issuer URL, or a name of `brokerctl issuers`.",
    ),
    click.option(
        "--token-endpoint",
        metavar="URL",
        help="In the place of --issuer, of one that publishes no metadata.",
    ),
    click.option("--client-id", metavar="ID", help="What the issuer calls the client."),
    click.option(
        "--client-secret-file",
        type=_FILE,
        metavar="FILE",
        help="A file that holds the secret of the client alone; - for standard input.",
    ),
    click.option(
        "--secret-in-body",
        is_flag=True,
        help="Send the secret in the body, whatever the issuer's metadata says.",
    ),
    click.option(
        "--private-key-file",
        type=_FILE,
        metavar="FILE",
        help="A private key, PEM or JWK, that signs who the client is "
        "(private_key_jwt), or the JWT of --jwt-bearer; - for standard input.",
    ),
    click.option(
        "--key-id", metavar="ID", help="What the issuer calls that key (kid)."
    ),
    click.option(
        "--certificate-file",
        type=_FILE,
        metavar="FILE",
        help="The client's certificate for mutual TLS (RFC 8705), PEM; it stays there.",
    ),
    click.option(
        "--certificate-key-file",
        type=_FILE,
        metavar="FILE",
        help="Its key, where it is in a file of its own; it stays there.",
    ),
    click.option(
        "--assertion-audience",
        metavar="URL",
        help="For whom JWTs are: the issuer's URL where nothing is said; "
        "token-endpoint for that.",
    ),
    click.option(
        "--assertion-issuer",
        metavar="ISSUER",
        help="Who signs; the client id otherwise.",
    ),
    click.option(
        "--subject",
        metavar="WHO",
        help="For whom the token is: of --jwt-bearer, or the person of a Workspace.",
    ),
    click.option(
        "--claim",
        multiple=True,
        metavar="NAME=VALUE",
        help="A further claim of the JWT of --jwt-bearer.",
    ),
)


def client_credentials_body(words: AddWords) -> Json:
    """The request for a client that asks in its own name.

    Raises:
        BrokerError: something is missing, or a file cannot be read.
    """
    _client_named(words)
    shown = ("client_secret_file", "private_key_file", "certificate_file")
    if sum(bool(words.get(name)) for name in shown) != 1:
        raise bad_usage(
            "a client shows one of --client-secret-file, --private-key-file and "
            "--certificate-file",
            "see `brokerctl add --help`",
        )
    return {**body_of_any(words, "client_credentials"), **client_members(words)}


def jwt_bearer_body(words: AddWords) -> Json:
    """The request for tokens for whom a JWT names.

    Raises:
        BrokerError: something is missing, or a file cannot be read.
    """
    subject, _ = required(words, "subject", "private_key_file")
    _client_named(words)
    return {
        **body_of_any(words, "jwt_bearer"),
        **client_members(words),
        "subject": subject,
        "assertion_issuer": words["assertion_issuer"],
        "claims": parameter_pairs(words["claim"], option="--claim") or None,
    }


def oauth_files(words: AddWords) -> list[Path]:
    """The files whose secrets the daemon has taken over."""
    files = (words["client_secret_file"], words["private_key_file"])
    return [file for file in files if file is not None]


def exposed_files(words: AddWords) -> list[Path]:
    """Files that stay where they are, hold a key, and can be read by everybody."""
    file = words["certificate_key_file"] or words["certificate_file"]
    if file is None or os.name != "posix":
        return []
    return [file] if file.exists() and file.stat().st_mode & stat.S_IROTH else []


def _client_named(words: AddWords) -> None:
    """Nothing, where client and issuer are named."""
    if not words["token_endpoint"]:
        required(words, "issuer")
    required(words, "client_id")


def client_members(words: AddWords) -> Json:
    """Where it asks, who asks, and what that client shows.

    Raises:
        BrokerError: a file cannot be read.
    """
    secret = words["client_secret_file"]
    return {
        "issuer": words["issuer"],
        "token_endpoint": words["token_endpoint"],
        "client_id": words["client_id"],
        "client_secret": None
        if secret is None
        else read_secret(secret, "Client secret"),
        "secret_in_body": words["secret_in_body"] or None,
        "certificate": _certificate(words),
        "audience": words["assertion_audience"],
        **_key(words),
    }


def _key(words: AddWords) -> Json:
    """The private key; a passphrase is asked for where it needs one."""
    file = words["private_key_file"]
    if file is None:
        return {}
    key: Json = {"text": read_key(file, "Private key")}
    if is_encrypted_pem(str(key["text"])):
        if file == STDIN:
            what = "an encrypted key leaves no place on standard input"
            raise bad_usage(what, "name its file, and pipe in the passphrase")
        key["passphrase"] = ask_passphrase(f"Passphrase of {file}", is_new=False)
    if words["key_id"] is not None:
        key["key_id"] = words["key_id"]
    return {"private_key": key}


def _certificate(words: AddWords) -> Json | None:
    file, key = words["certificate_file"], words["certificate_key_file"]
    if file is None:
        return None
    paths = {"certificate": file, "key": key}
    # The daemon reads them, and it stands elsewhere.
    return {name: str(path.absolute()) for name, path in paths.items() if path}
