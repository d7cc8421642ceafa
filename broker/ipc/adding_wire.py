"""Accounts without a person, as they are asked for on the socket: a table of kinds.

Pure: no network, no clock. The shapes are those of clients/PROTOCOL.md.
"""

from collections.abc import Callable, Mapping

from broker.ipc.adding_derived import token_exchange, view
from broker.ipc.adding_google import google
from broker.ipc.adding_oauth import client_credentials, jwt_bearer
from broker.ipc.wire import Request, parse_body
from broker.model.account import AccountName
from broker.model.errors import BadRequestError
from broker.model.unattended import kind_of
from broker.services.adding import Added, Wanted
from broker.services.deriving import ExchangeWanted, ViewWanted

AnyWanted = Wanted | ViewWanted | ExchangeWanted


class _AnyBody(Request, frozen=True, forbid_unknown_fields=False):
    """`PUT /v1/accounts/NAME`, whatever the kind."""

    kind: str


_KINDS: Mapping[str, Callable[[AccountName, bytes], AnyWanted]] = {
    "client_credentials": client_credentials,
    "view": view,
    "token_exchange": token_exchange,
    "google": google,
    "jwt_bearer": jwt_bearer,
}
"""What is wanted, from the body of each kind. Each raises BadRequestError."""


def parse_wanted(name: AccountName, data: bytes) -> AnyWanted:
    """The account that is to be made.

    Raises:
        BadRequestError: of no kind that there is, or not whole.
    """
    kind = parse_body(data, _AnyBody).kind
    if kind not in _KINDS:
        raise BadRequestError(what=f"kind is one of {', '.join(_KINDS)}")
    return _KINDS[kind](name, data)


def added_reply(added: Added) -> dict[str, object]:
    """Answer of `PUT /v1/accounts/NAME`."""
    grant, unattended = added.grant, added.grant.unattended
    return {
        "account": grant.account.name,
        "unattended": None if unattended is None else kind_of(unattended),
        "issuer": grant.account.issuer.url,
        "scopes": sorted(grant.scopes),
        "expires_at": added.token.expires_at,
        "notes": list(added.notes),
    }
