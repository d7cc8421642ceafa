"""Fresh access tokens from the local brokerd. Standard library only.

from brokerd_client import BrokerClient
token = BrokerClient().token("work")
"""

from __future__ import annotations

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
from brokerd_client.tokens import Token

TYPE_CHECKING = False  # see errors.py
if TYPE_CHECKING:
    from brokerd_client.aio import AsyncBrokerClient

__all__ = [
    "AccountNeededError",
    "AsyncBrokerClient",
    "BrokerClient",
    "BrokerError",
    "BrokerUnreachableError",
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


def __getattr__(name: str) -> object:
    # asyncio takes four times as long to import as all the rest: whoever does not
    # need it does not wait for it.
    if name == "AsyncBrokerClient":
        from brokerd_client.aio import (  # noqa: PLC0415 - see above
            AsyncBrokerClient,
        )

        return AsyncBrokerClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
