"""`brokerctl add`: Google's credentials of accounts without a person."""

from pathlib import Path

import click

from broker.config import parse_span
from broker.control.adding_words import AddWords, Option, body_of_any, read_key
from broker.control.broker import Json
from broker.control.login_request import read_text
from broker.control.output import bad_usage
from broker.model.strict_json import parse_json

OPTIONS: tuple[Option, ...] = (
    click.option(
        "--service-account",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A Google service account's key, in JSON; - for standard input.",
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
        "--lifetime", metavar="SPAN", help="Of an impersonated token, such as 15m."
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


_MEANT = {"service_account": "--service-account", "external_account": "--workload"}
"""By the type that a file says of itself."""


def google_body(words: AddWords) -> Json:
    """The request for it.

    Raises:
        BrokerError: a file cannot be read, or no time is one.
    """
    boundary = words["boundary"]
    return {
        **body_of_any(words, "google"),
        "credentials": _credentials(words),
        "from": words["from_account"],
        "subject": words["subject"],
        "impersonate": words["impersonate"],
        "delegates": list(words["delegate"]) or None,
        "lifetime": _seconds(words["lifetime"]),
        "boundary": None if boundary is None else read_text(boundary),
        "self_signed": words["self_signed"] or None,
    }


def _credentials(words: AddWords) -> str | None:
    """The text of the file, where it is of the kind that it was named as.

    One of them is a secret that may be deleted afterwards, the other is neither.
    """
    key, workload = words["service_account"], words["workload"]
    file = key or workload
    if file is None:
        return None
    text = read_key(file, "credential file")
    meant = "--workload" if key is None else "--service-account"
    wanted = _MEANT.get(_type_of(text), meant)
    if meant != wanted:
        raise bad_usage(f"{file} is none for {meant}", f"name it with {wanted}")
    return text


def _type_of(text: str) -> str:
    """What the file says that it is; '' where that is for the daemon to tell."""
    try:
        members = parse_json(text.encode())
    except ValueError:
        return ""
    return str(members.get("type")) if isinstance(members, dict) else ""


def google_files(words: AddWords) -> list[Path]:
    """The files whose secrets the daemon has taken over."""
    key = words["service_account"]
    return [] if key is None else [key]


def _seconds(text: str | None) -> int | None:
    try:
        return None if text is None else int(parse_span(text))
    except ValueError:
        raise bad_usage(f"{text!r} is no time", 'say it as "90s" or "15m"') from None
