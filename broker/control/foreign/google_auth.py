"""google-auth's token.json and token.pickle, and the files of its default credentials.

`authorized_user` is the one type that holds a refresh token of a person. Source:
google-auth, `google.oauth2.credentials.Credentials.to_json` and `__getstate__`, and
`google.auth.default` for the others.
"""

import json
from collections.abc import Mapping

from msgspec.structs import replace

from broker.control.foreign.found import (
    ForeignFileError,
    Found,
    label_of,
    parse_object,
    scopes_member,
    secret_member,
    text_member,
)
from broker.control.foreign.pickled import Pickled, read_pickle
from broker.model.secret import Secret
from broker.oauth.google_credentials import impersonated_email

GOOGLE_TOKEN_ENDPOINT = "https://oauth2.googleapis.com/token"  # noqa: S105 - a URL

_PICKLED = "google.oauth2.credentials Credentials"

_WITHOUT_A_PERSON = frozenset({"service_account", "external_account"})
_IMPERSONATED = "impersonated_service_account"

_NOT_TAKEN = {
    "external_account_authorized_user": "is a workforce sign-in, which brokerd does "
    "not take: sign in to it with `brokerctl login`",
    "gdch_service_account": "is a key for Google Distributed Cloud, which brokerd does "
    "not take",
}


def parse_google_auth(data: bytes, _: Secret | None = None) -> tuple[Found, ...]:
    """A token.json, a token.pickle, or application default credentials."""
    if data[:1] == b"\x80":
        return (_of_pickle(data),)
    return (authorized_user(parse_object(data)),)


def authorized_user(members: Mapping[str, object], label: object = None) -> Found:
    """What one JSON object of google-auth's holds.

    Raises:
        ForeignFileError: it is of an unknown type, or lacks what a sign-in needs.
    """
    kind = members.get("type", "authorized_user")
    label = label_of(label, members.get("account"), members.get("client_email"))
    kind = kind if isinstance(kind, str) else ""
    if kind in _NOT_TAKEN:
        return Found(label=label, issuer="google", obstacle=_NOT_TAKEN[kind])
    if kind in _WITHOUT_A_PERSON:
        return _without_a_person(members, label)
    if kind == _IMPERSONATED:
        return _impersonated(members)
    if kind != "authorized_user":
        raise ForeignFileError("is of a type that google-auth does not have")
    client_id = text_member(members, "client_id")
    refresh_token = secret_member(members, "refresh_token")
    if client_id is None:
        raise ForeignFileError("has no client_id: it is no sign-in of google-auth")
    return Found(
        label=label,
        token_endpoint=_token_endpoint(members),
        client_id=client_id,
        client_secret=secret_member(members, "client_secret"),
        refresh_token=refresh_token,
        scopes=scopes_member(members, "scopes"),
        obstacle=None if refresh_token else "holds no refresh token",
    )


def _token_endpoint(members: Mapping[str, object]) -> str:
    """Where it is renewed.

    Raises:
        ForeignFileError: nobody says it. Other tools write client_id and refresh_token,
            too, and another issuer's are not for Google.
    """
    said = text_member(members, "token_uri")
    if said is None and "type" not in members:
        raise ForeignFileError("does not say who renews it: it is not google-auth's")
    return said or GOOGLE_TOKEN_ENDPOINT


def _without_a_person(members: Mapping[str, object], label: str) -> Found:
    """The daemon is given the whole file: it looks at it, and says what fails."""
    is_public = "private_key" not in members and "client_secret" not in members
    return Found(
        label=label,
        issuer="google",
        credentials=Secret(json.dumps(members)),
        is_public=is_public,
        scopes=scopes_member(members, "scopes"),
    )


def _impersonated(members: Mapping[str, object]) -> Found:
    """What `gcloud auth application-default login --impersonate-service-account` wrote.

    Raises:
        ForeignFileError: it does not say whom, or as whom.
    """
    source = members.get("source_credentials")
    url = text_member(members, "service_account_impersonation_url") or ""
    email = impersonated_email(url)
    if not isinstance(source, dict) or email is None:
        raise ForeignFileError("does not say which service account it becomes, as whom")
    if source.get("type") == _IMPERSONATED:
        raise ForeignFileError("impersonates a service account more than once")
    delegates = scopes_member(members, "delegates")
    names = tuple(name.rpartition("/")[2] for name in delegates)
    found = authorized_user(source)
    scopes = scopes_member(members, "scopes")
    return replace(
        found, label=label_of(email), becomes=email, delegates=names, scopes=scopes
    )


def _of_pickle(data: bytes) -> Found:
    pickled = read_pickle(data)
    if not isinstance(pickled, Pickled) or pickled.name != _PICKLED:
        raise ForeignFileError("is a pickle of something else than a sign-in")
    state = pickled.state
    if not isinstance(state, dict):
        raise ForeignFileError("is a pickled sign-in without anything in it")
    names = ("client_id", "client_secret", "refresh_token", "token_uri", "scopes")
    members = {name: state.get(f"_{name}") for name in names}
    return authorized_user({**members, "account": state.get("_account")})
