"""What `brokerctl export --format json` writes: a sign-in of this broker or another.

The answer of `POST /v1/accounts/NAME/export`, see clients/PROTOCOL.md.
"""

from broker.control.foreign.found import (
    ForeignFileError,
    Found,
    label_of,
    parse_object,
    scopes_member,
    secret_member,
    text_member,
)
from broker.model.secret import Secret


def parse_exported(data: bytes, _: Secret | None = None) -> tuple[Found, ...]:
    """The one sign-in of the file."""
    members = parse_object(data)
    names = ("account", "issuer", "token_endpoint", "client_id")
    account, issuer, endpoint, client_id = (text_member(members, n) for n in names)
    if not (account and issuer and endpoint and client_id):
        raise ForeignFileError("is nothing that `brokerctl export` has written")
    refresh_token = secret_member(members, "refresh_token")
    access_token = secret_member(members, "access_token")
    is_empty = refresh_token is None and access_token is None
    found = Found(
        label=label_of(account),
        issuer=issuer,
        token_endpoint=endpoint,
        client_id=client_id,
        client_secret=secret_member(members, "client_secret"),
        refresh_token=refresh_token,
        access_token=None if refresh_token else access_token,
        scopes=scopes_member(members, "scopes"),
        obstacle="holds no token" if is_empty else None,
    )
    return (found,)
