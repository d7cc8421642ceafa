"""What a person typed after `brokerctl add`, and what every kind makes of it."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

from broker.control.asking import ask_passphrase, is_at_terminal
from broker.control.broker import Json
from broker.control.login_request import (
    LARGEST_FILE,
    parameter_pairs,
    read_secret_file,
    read_text,
)
from broker.control.output import bad_usage

STDIN = Path("-")


class AddWords(TypedDict):
    """The options of `brokerctl add`, as click hands them over."""

    name: str
    client_credentials: bool
    from_account: str | None
    allow_wider: bool
    exchange: bool
    audience: tuple[str, ...]
    requested_token_type: str | None
    subject_token_type: str | None
    jwt_bearer: bool
    issuer: str | None
    client_id: str | None
    token_endpoint: str | None
    client_secret_file: Path | None
    service_account: Path | None
    workload: Path | None
    subject: str | None
    impersonate: str | None
    delegate: tuple[str, ...]
    lifetime: str | None
    boundary: Path | None
    self_signed: bool
    secret_in_body: bool
    private_key_file: Path | None
    key_id: str | None
    certificate_file: Path | None
    certificate_key_file: Path | None
    assertion_audience: str | None
    assertion_issuer: str | None
    claim: tuple[str, ...]
    scope: tuple[str, ...]
    resource: str | None
    param: tuple[str, ...]
    replace: bool
    as_json: bool


Option = Callable[[Callable[..., None]], Callable[..., None]]
"""A decorator of click's."""


def body_of_any(words: AddWords, kind: str) -> Json:
    """The members that bodies of every kind have."""
    return {
        "kind": kind,
        "scopes": [one for many in words["scope"] for one in many.split()] or None,
        "resource": words["resource"],
        "parameters": parameter_pairs(words["param"]) or None,
        "replace": words["replace"] or None,
    }


def flag(name: str) -> str:
    """The option, as it is typed."""
    return "--from" if name == "from_account" else "--" + name.replace("_", "-")


def required(words: AddWords, *names: str) -> list[str]:
    """The values of options without which there is no such account.

    Raises:
        BrokerError: one is missing.
    """
    missing = [name for name in names if not words.get(name)]
    if missing:
        raise bad_usage(f"{flag(missing[0])} is missing", "see `brokerctl add --help`")
    return [str(words.get(name)) for name in names]


def read_secret(path: Path, name: str) -> str:
    """A secret from a file, from standard input where the file is '-'.

    Args:
        path: of the file.
        name: how a terminal asks for it, such as 'Client secret'.

    Raises:
        BrokerError: there is none.
    """
    if path != STDIN:
        return read_secret_file(path)
    if is_at_terminal():
        return ask_passphrase(name, is_new=False)
    return _piped(name)


def read_key(path: Path, name: str) -> str:
    """A key, of several lines. The rest is as for `read_secret`.

    A terminal is not asked: it hides one line, and would hand the others to the shell.
    """
    if path != STDIN:
        return read_text(path).strip()
    if is_at_terminal():
        raise bad_usage(
            f"a {name.lower()} has many lines", "pipe it in, or name a file"
        )
    return _piped(name)


def _piped(name: str) -> str:
    secret = sys.stdin.read(LARGEST_FILE + 1).strip()
    if not secret or len(secret) > LARGEST_FILE:
        raise bad_usage(f"standard input holds no {name.lower()}", "pipe it in, alone")
    return secret
