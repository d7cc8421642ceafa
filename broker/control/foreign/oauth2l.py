"""oauth2l's cache, `~/.oauth2l`.

`{KEY: TOKEN}`: KEY is JSON as text with the client_secret.json that was used and the
scope, TOKEN is base64 of Go's `oauth2.Token` in JSON. Source: oauth2l, `util/cache.go`.
"""

import base64
import binascii
from collections.abc import Mapping

from broker.control.foreign.found import (
    ForeignFileError,
    Found,
    label_of,
    parse_object,
    scopes_member,
    secret_member,
    text_member,
)
from broker.control.foreign.google_auth import GOOGLE_TOKEN_ENDPOINT
from broker.model.secret import Secret


def parse_oauth2l(data: bytes, _: Secret | None = None) -> tuple[Found, ...]:
    """Every token of the cache that can be renewed, or is there at all."""
    if not data.strip():
        return ()
    return tuple(_entry(key, value) for key, value in parse_object(data).items())


def _entry(key_text: str, value: object) -> Found:
    key, token = parse_object(key_text.encode()), _token(value)
    text = text_member(key, "CredentialsJSON") or text_member(key, "credentialsJSON")
    client = _client(parse_object(text.encode()) if text else {})
    scopes = scopes_member(key, "Scope") or scopes_member(key, "scope")
    refresh_token = secret_member(token, "refresh_token")
    client_id = text_member(client, "client_id")
    obstacle = None
    if refresh_token is None:
        obstacle = "is an access token that cannot be renewed"
    elif client_id is None:
        obstacle = "does not say for which client it was given"
    return Found(
        label=label_of(" ".join(scopes)),
        token_endpoint=text_member(client, "token_uri") or GOOGLE_TOKEN_ENDPOINT,
        client_id=client_id,
        client_secret=secret_member(client, "client_secret"),
        refresh_token=refresh_token,
        access_token=secret_member(token, "access_token") if obstacle else None,
        scopes=scopes,
        obstacle=obstacle,
    )


def _token(value: object) -> Mapping[str, object]:
    if isinstance(value, dict):
        return value
    try:
        return parse_object(base64.b64decode(str(value), validate=True))
    except (binascii.Error, ValueError):
        raise ForeignFileError("holds a token that is not in base64") from None


def _client(secrets: Mapping[str, object]) -> Mapping[str, object]:
    for kind in ("installed", "web"):
        inner = secrets.get(kind)
        if isinstance(inner, dict):
            return inner
    return secrets
