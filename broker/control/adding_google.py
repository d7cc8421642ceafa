"""`brokerctl add`: Google's credentials of accounts without a person."""

from pathlib import Path

import click

from broker.config import parse_span
from broker.control.adding_words import AddWords, Option, body_of_any
from broker.control.broker import Json
from broker.control.login_request import read_text
from broker.control.output import bad_usage

OPTIONS: tuple[Option, ...] = (
    click.option(
        "--service-account",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A Google service account's key, in JSON.",
    ),
    click.option(
        "--workload",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A Google workload identity configuration (external_account).",
    ),
    click.option(
        "--impersonate", metavar="EMAIL", help="Become this Google service account."
    ),
    click.option(
        "--delegate",
        multiple=True,
        metavar="EMAIL",
        help="A service account on the way there; may be repeated.",
    ),
    click.option(
        "--lifetime", metavar="TIME", help="Of an impersonated token, such as 15m."
    ),
    click.option(
        "--boundary",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A credential access boundary: what its tokens may do at most.",
    ),
    click.option(
        "--self-signed",
        is_flag=True,
        help="Sign tokens here and ask nobody; for --scope or for --resource.",
    ),
)


def is_google(words: AddWords) -> bool:
    """Whether the person means an account of Google's."""
    names = ("service_account", "workload", "impersonate", "boundary")
    return any(words.get(name) for name in names)


def google_body(words: AddWords) -> Json:
    """The request for it.

    Raises:
        BrokerError: a file cannot be read, or no time is one.
    """
    key, workload = words["service_account"], words["workload"]
    if key is not None and workload is not None:
        raise bad_usage("it is a --service-account or a --workload", "name one")
    file, boundary = key or workload, words["boundary"]
    return {
        **body_of_any(words, "google"),
        "credentials": None if file is None else read_text(file),
        "from": words["from_account"],
        "subject": words["subject"],
        "impersonate": words["impersonate"],
        "delegates": list(words["delegate"]) or None,
        "lifetime": _seconds(words["lifetime"]),
        "boundary": None if boundary is None else read_text(boundary),
        "self_signed": words["self_signed"] or None,
    }


def google_files(words: AddWords) -> list[Path]:
    """The files whose secrets the daemon has taken over."""
    key = words["service_account"]
    return [] if key is None else [key]


def _seconds(text: str | None) -> int | None:
    try:
        return None if text is None else int(parse_span(text))
    except ValueError:
        raise bad_usage(f"{text!r} is no time", 'say it as "90s" or "15m"') from None
