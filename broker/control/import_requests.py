"""`brokerctl import`: the requests that make accounts of a sign-in."""

from pathlib import Path
from typing import TypedDict

from msgspec.structs import replace

from broker.control.broker import Json
from broker.control.foreign.reading import shown
from broker.control.import_google import Call, impersonated, without_a_person
from broker.control.import_sources import Sign, foreign_error
from broker.control.login_request import read_secret_file
from broker.model.secret import Secret


class ImportWords(TypedDict):
    """The options of `brokerctl import`, as click hands them over."""

    source: tuple[str, ...]
    tool: str | None
    only: str | None
    name: str | None
    issuer: str | None
    mcp: str | None
    client_id: str | None
    client_secret_file: Path | None
    scope: tuple[str, ...]
    keep: bool
    yes: bool
    as_json: bool


def calls(sign: Sign, words: ImportWords, name: str) -> list[Call]:
    """The requests that make accounts of a sign-in, in their order.

    Raises:
        BrokerError: something that they need is not said.
    """
    found, scopes = sign.found, _scopes(words)
    if found.credentials is not None:
        return [without_a_person(found, name, scopes)]
    if found.becomes is not None:
        # As in gcloud: what it begins with is the person's own, and may do more.
        source = f"{name}-source"
        bare = replace(sign, found=replace(found, scopes=()))
        return [
            Call("POST", "/v1/accounts", _body(bare, words, source)),
            impersonated(found, name, source, scopes),
        ]
    return [Call("POST", "/v1/accounts", _body(sign, words, name))]


def _scopes(words: ImportWords) -> list[str]:
    return [one for many in words["scope"] for one in many.split()]


def _body(sign: Sign, words: ImportWords, name: str) -> Json:
    """The request for a person's, with what the person said over what the file says.

    Raises:
        BrokerError: neither says what is needed.
    """
    found = sign.found
    issuer = words["issuer"] or found.issuer
    if not (issuer or found.token_endpoint or words["mcp"]):
        raise foreign_error(
            f"{shown(sign.path)} does not say who the issuer of {found.label!r} is",
            "name it with --issuer, or an MCP server with --mcp",
        )
    client_id = words["client_id"] or found.client_id
    if client_id is None:
        raise foreign_error(
            f"{shown(sign.path)} does not say for which client {found.label!r} is",
            "name it with --client-id, and its secret with --client-secret-file",
        )
    file = words["client_secret_file"]
    secret = found.client_secret if file is None else Secret(read_secret_file(file))
    body: Json = {
        "account": name,
        "issuer": issuer,
        "token_endpoint": found.token_endpoint,
        "mcp": words["mcp"],
        "client_id": client_id,
        "client_secret": _revealed(secret),
        "refresh_token": _revealed(found.refresh_token),
        "access_token": None
        if found.refresh_token is not None
        else _revealed(found.access_token),
        "scopes": (_scopes(words) if found.becomes is None else [])
        or list(found.scopes),
    }
    return {name: value for name, value in body.items() if value is not None}


def _revealed(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()
