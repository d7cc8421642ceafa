"""Fresh access tokens from the local brokerd. Standard library only.

from brokerd_client import BrokerClient
token = BrokerClient().token("work")
"""

from __future__ import annotations

TYPE_CHECKING = False  # see errors.py
if TYPE_CHECKING:
    from brokerd_client.aio import AsyncBrokerClient
    from brokerd_client.client import BrokerClient
    from brokerd_client.errors import (
        AccountNeededError,
        BrokerError,
        BrokerUnreachableError,
        IssuerUnreachableError,
        LockedError,
        LoginRequiredError,
        NotPermittedError,
        ReauthenticationRequiredError,
        RefreshRefusedError,
        ReplyMalformedError,
        ScopeNotGrantedError,
        SocketNotTrustedError,
        UnknownAccountError,
    )
    from brokerd_client.id_tokens import IdToken
    from brokerd_client.tokens import Token

__all__ = [
    "AccountNeededError",
    "AsyncBrokerClient",
    "BrokerClient",
    "BrokerError",
    "BrokerUnreachableError",
    "IdToken",
    "IssuerUnreachableError",
    "LockedError",
    "LoginRequiredError",
    "NotPermittedError",
    "ReauthenticationRequiredError",
    "RefreshRefusedError",
    "ReplyMalformedError",
    "ScopeNotGrantedError",
    "SocketNotTrustedError",
    "Token",
    "UnknownAccountError",
]


_NOT_ERRORS = {
    "AsyncBrokerClient": "aio",
    "BrokerClient": "client",
    "IdToken": "id_tokens",
    "Token": "tokens",
}


def __getattr__(name: str) -> object:
    # Imported when it is named: asyncio takes four times as long to import as all the
    # rest, and the daemon, which has its paths and exit codes from here, needs none.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - built in, see above

    module = import_module(f"{__name__}.{_NOT_ERRORS.get(name, 'errors')}")
    globals()[name] = found = getattr(module, name)
    return found
