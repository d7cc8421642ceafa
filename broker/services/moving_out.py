"""Gives a sign-in away whole, refresh token and client, for leaving again.

The one place that does: everybody else is handed access tokens.
"""

import logging

from broker.model.account import AccountName
from broker.model.errors import NotExportableError
from broker.model.event import Event, EventKind
from broker.model.grant import Grant, require_live
from broker.model.unattended import parent_of
from broker.services.events import Events
from broker.services.interfaces import Clock
from broker.services.vault import Vault

log = logging.getLogger(__name__)


class MovingOut:
    """Hands out grants."""

    def __init__(self, *, vault: Vault, clock: Clock, events: Events) -> None:
        self._vault = vault
        self._clock = clock
        self._events = events

    async def export(self, name: AccountName) -> Grant:
        """The newest grant of the account, which stays as it is here.

        Raises:
            UnknownAccountError: there is none.
            LoginRequiredError, ReauthenticationRequiredError: it gives no tokens.
            NotExportableError: nobody else could use it.
        """
        self._vault.require_serving()
        opened = self._vault.require_open()
        opened.grants.get(name)
        # In turn: what a refresh under way has sent is worth nothing any more.
        async with opened.tokens.turn(name):
            grant = await opened.grants.reload(name)
        require_live(grant)
        if grant.dpop_key is not None:
            raise NotExportableError(
                account=name,
                what="its tokens are bound to a key that never leaves the broker",
            )
        parent = parent_of(grant.unattended)
        if parent is not None:
            raise NotExportableError(
                account=name, what=f"it is made of {parent!r}: export that one"
            )
        if grant.unattended is not None:
            raise NotExportableError(
                account=name,
                what="nobody has signed in: keep the secret or key that it was made of",
            )
        self._tell(grant)
        return grant

    def _tell(self, grant: Grant) -> None:
        name = grant.account.name
        log.warning("account.exported account=%s", name)
        self._events.publish(
            Event(
                kind=EventKind.EXPORTED,
                at=self._clock.now().wall,
                account=name,
                issuer=grant.account.issuer.url,
            )
        )
