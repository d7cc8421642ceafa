"""Accounts that come without a sign-in here: how each is kept, and told.

Knows no kind of them, and no issuer.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from broker.model.errors import AccountExistsError
from broker.model.event import Event, EventKind
from broker.model.grant import Grant
from broker.model.unattended import kind_of
from broker.services.events import Events
from broker.services.interfaces import Clock
from broker.services.opened import Opened
from broker.services.store_findings import new_store_note
from broker.services.vault import Vault

log = logging.getLogger(__name__)


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        grant: as it is saved.
        notes: what the person should know, a sentence each.
    """

    grant: Grant
    notes: tuple[str, ...] = ()


_Made = TypeVar("_Made", bound=Arrived)


class Arrivals:
    """Keeps them."""

    def __init__(self, *, vault: Vault, clock: Clock, events: Events) -> None:
        self._vault = vault
        self._clock = clock
        self._events = events

    async def kept(self, make: Callable[[Opened], Awaitable[_Made]]) -> _Made:
        """What `make` makes and saves in the store, which stays open for it; and told.

        Raises:
            BrokerError: of the store, or of `make`.
        """
        source = await self._vault.open_for_grant()
        async with self._vault.held_open() as opened:
            made = await make(opened)
        self.tell(made.grant)
        if source is None:
            return made
        return replace(made, notes=(new_store_note(source), *made.notes))

    def tell(self, grant: Grant) -> None:
        """Say that there is a new account."""
        name, issuer = grant.account.name, grant.account.issuer.url
        kind = "moved_in" if grant.unattended is None else kind_of(grant.unattended)
        log.info("account.added account=%s kind=%s issuer=%s", name, kind, issuer)
        self._events.publish(
            Event(
                kind=EventKind.SIGNED_IN,
                at=self._clock.now().wall,
                account=name,
                issuer=issuer,
            )
        )


def require_free(there: Grant | None, *, may_replace: bool = False) -> None:
    """Nothing, where an account may be made under its name.

    A sign-in is never replaced: its refresh token would be lost, and stand at its
    issuer all the same.

    Raises:
        AccountExistsError: it may not.
    """
    if there is not None and not (may_replace and there.unattended is not None):
        raise AccountExistsError(account=there.account.name)
