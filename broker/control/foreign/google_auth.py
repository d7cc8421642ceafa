"""google-auth's token.json and token.pickle, and the files of its default credentials.

`authorized_user` is the one type that holds a refresh token of a person. Source:
google-auth, `google.oauth2.credentials.Credentials.to_json` and `__getstate__`.
"""

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
from broker.control.foreign.pickled import Pickled, read_pickle
from broker.model.secret import Secret

GOOGLE_TOKEN_ENDPOINT = "https://oauth2.googleapis.com/token"  # noqa: S105 - an URL

_PICKLED = "google.oauth2.credentials Credentials"

_NOT_A_PERSONS = {
    "service_account": "is the key of a service account and no sign-in of a person: "
    "not taken over yet",
    "external_account": "is a workload's identity and holds no token",
    "external_account_authorized_user": "is a workforce identity, which is not taken "
    "over yet",
    "impersonated_service_account": "impersonates a service account, which is not "
    "taken over yet: take over the sign-in that it is made of",
    "gdch_service_account": "is the key of a service account and no sign-in of a "
    "person: not taken over yet",
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
    if isinstance(kind, str) and kind in _NOT_A_PERSONS:
        return Found(label=label, issuer="google", obstacle=_NOT_A_PERSONS[kind])
    if kind != "authorized_user":
        raise ForeignFileError("is of a type that google-auth does not have")
    client_id = text_member(members, "client_id")
    refresh_token = secret_member(members, "refresh_token")
    if client_id is None:
        raise ForeignFileError("has no client_id: it is no sign-in of google-auth")
    return Found(
        label=label,
        token_endpoint=text_member(members, "token_uri") or GOOGLE_TOKEN_ENDPOINT,
        client_id=client_id,
        client_secret=secret_member(members, "client_secret"),
        refresh_token=refresh_token,
        scopes=scopes_member(members, "scopes"),
        obstacle=None if refresh_token else "holds no refresh token",
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
