"""What there is while the store is open: grants, tokens, and what keeps them saved."""

import asyncio
import logging
from dataclasses import dataclass

from broker.model.errors import StoreFailedError
from broker.model.store import Health
from broker.services.events import Events
from broker.services.grants import Grants
from broker.services.interfaces import Clock, GrantStore, HttpSender
from broker.services.resaving import Degraded, Resaver
from broker.services.tokens import TokenService

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the services of an open store need beside it."""

    sender: HttpSender
    clock: Clock
    events: Events


class Opened:
    """The services of one open store.

    Attributes:
        grants: every grant.
        tokens: access tokens.
    """

    def __init__(self, grants: Grants, world: World) -> None:
        self.grants = grants
        self.tokens = TokenService(
            grants=grants,
            sender=world.sender,
            clock=world.clock,
            events=world.events,
        )
        self._resaver = Resaver(grants=grants, clock=world.clock, events=world.events)
        self._resaving = asyncio.create_task(self._resaver.run(), name="save again")

    @property
    def degraded(self) -> Degraded | None:
        """What is in memory alone, or None."""
        return self._resaver.degraded

    async def require_saved(self) -> None:
        """Nothing, where all grants are on the disk, those of refreshes under way too.

        Raises:
            StoreFailedError: some would be lost if the store were closed now.
        """
        # What a refresh is about to be given would be lost as well.
        await self.tokens.settle()
        if await self.grants.save_again():
            return
        names = ", ".join(self.grants.unsaved.accounts)
        raise StoreFailedError(
            what=f"renewed sign-ins are in memory alone and would be lost: {names}"
        )

    async def close(self) -> None:
        """Let refreshes end, then let go of the store."""
        await self.tokens.close()
        self._resaving.cancel()
        await asyncio.gather(self._resaving, return_exceptions=True)
        await self.grants.close()


async def opened(store: GrantStore, health: Health | None, world: World) -> Opened:
    """The services of `store`, which has just been opened."""
    grants = Grants(store)
    try:
        await grants.load()
        if health is not None and health.is_old_copy:
            log.warning("store.old_copy generation=%d", health.generation)
            await grants.put_back(world.clock.now().wall)
    except BaseException:  # cancelled, too: an open store lets nobody else open it
        await store.close()
        raise
    return Opened(grants, world)
