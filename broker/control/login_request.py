"""What a person typed after `brokerctl login`, as the body of a request."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from broker.control.broker import Json
from broker.control.output import bad_usage

LARGEST_FILE = 64 * 1024


class Words(TypedDict):
    """The options of `brokerctl login`, as click hands them over."""

    name: str
    issuer: str | None
    mcp: str | None
    resource: str | None
    client_secrets: Path | None
    client_id: str | None
    client_secret_file: Path | None
    scope: tuple[str, ...]
    add_scope: tuple[str, ...]
    prompt: str | None
    max_age: int | None
    acr_values: str | None
    hd: str | None
    accept_issuer: bool
    param: tuple[str, ...]
    login_hint: str | None
    dpop: bool | None
    redirect_uri: str | None
    response_mode: str | None
    host: str | None
    bind: str | None
    port: int | None
    way: str | None
    close_window: bool
    again: bool
    other_person: bool
    timeout: float | None
    no_browser: bool
    browser: str | None
    prompt_message: str
    success_message: str | None
    as_json: bool


def login_body(words: Words) -> Json:
    """The request, with nothing in it that was not said.

    Raises:
        BrokerError: a file cannot be read, a parameter is none, or two words
            contradict each other.
    """
    if words["response_mode"] == "form_post" and words["way"] is not None:
        raise bad_usage(
            f"--{words['way']} and --response-mode form_post do not go together: of a "
            "form nobody can copy anything",
            "leave out one of them",
        )
    redirect = {
        "host": words["host"],
        "bind": words["bind"],
        "port": words["port"],
        "uri": words["redirect_uri"],
        "mode": words["response_mode"],
    }
    secret = words["client_secret_file"]
    secrets = words["client_secrets"]
    body: Json = {
        "account": words["name"],
        "issuer": words["issuer"],
        "mcp": words["mcp"],
        "resource": words["resource"],
        "client_id": words["client_id"],
        "client_secret": None if secret is None else read_secret_file(secret),
        "client_secrets": None if secrets is None else read_text(secrets),
        "scopes": [one for many in words["scope"] for one in many.split()] or None,
        "add_scopes": [one for many in words["add_scope"] for one in many.split()]
        or None,
        "accept_issuer": words["accept_issuer"] or None,
        "parameters": _parameters(words),
        "login_hint": words["login_hint"],
        "dpop": words["dpop"],
        "redirect": {k: v for k, v in redirect.items() if v is not None} or None,
        "way": words["way"],
        "again": words["again"] or None,
        "other_person": words["other_person"] or None,
        "success_message": words["success_message"],
        "timeout": words["timeout"],
    }
    return {name: value for name, value in body.items() if value is not None}


def _parameters(words: Words) -> Mapping[str, str] | None:
    named = {
        "prompt": words["prompt"],
        "max_age": words["max_age"],
        "acr_values": words["acr_values"],
        "hd": words["hd"],
    }
    pairs = parameter_pairs(words["param"])
    pairs.update({k: str(v) for k, v in named.items() if v is not None})
    return pairs or None


def parameter_pairs(
    params: Sequence[str], *, option: str = "--param"
) -> dict[str, str]:
    """The values of an option by their names.

    Raises:
        BrokerError: one is not NAME=VALUE.
    """
    pairs = dict(param.partition("=")[::2] for param in params)
    if not all("=" in param for param in params) or "" in pairs:
        raise bad_usage(
            f"{option} takes NAME=VALUE", f"for example {option} hd=example.com"
        )
    return pairs


def read_secret_file(path: Path) -> str:
    """A file that holds a client secret alone."""
    secret = read_text(path).strip()
    if not secret:
        raise bad_usage(f"{path} is empty", "it holds the client secret and no more")
    return secret


def read_text(path: Path) -> str:
    """A file of the person's that holds a secret, or names one.

    Raises:
        BrokerError: it cannot be read, is too large, or is no text.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise bad_usage(f"{path} is too large to be it", "see which file you named")
        return data.decode("utf-8-sig")
    except OSError as exc:
        reason = exc.strerror or "unreadable"
        raise bad_usage(
            f"{path} cannot be read: {reason.lower()}", "see which file you named"
        ) from exc
    except UnicodeDecodeError:
        hint = "see which file you named"
        raise bad_usage(f"{path} is not a text file", hint) from None
