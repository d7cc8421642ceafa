"""What there is while the store is open: grants, tokens, and what keeps them saved."""

import asyncio
import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import msgspec

from broker.model.account import AccountName
from broker.model.errors import SettingDamagedError, StoreFailedError
from broker.model.event import Event, EventKind
from broker.model.late import Late
from broker.model.store import Health
from broker.services.events import Events
from broker.services.grants import Grants
from broker.services.interfaces import Clock, GrantStore, HttpSender, Recorder
from broker.services.policies import Policies
from broker.services.resaving import Degraded, Resaver
from broker.services.socket_records import SocketRecords
from broker.services.tokens import TokenService

if TYPE_CHECKING:
    from broker.services.leaver import Leaver

log = logging.getLogger(__name__)

READ_AT_ONCE = 50
"""Grants: a millisecond's work, for which a peer may have to wait."""


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What the services of an open store need beside it."""

    sender: HttpSender
    clock: Clock
    events: Events
    recorder: Recorder


class Opened:
    """The services of one open store.

    Attributes:
        grants: every grant.
        policies: what the person has decided about programs.
        sockets: the restricted sockets.
        settings: the store itself, for settings that few daemons have.
        tokens: access tokens.
        leaver: has issuers end what log-outs have left.
    """

    def __init__(
        self,
        grants: Grants,
        policies: Policies,
        sockets: SocketRecords,
        settings: GrantStore,
        world: World,
    ) -> None:
        self._world = world
        self.grants = grants
        self.policies = policies
        self.sockets = sockets
        self.settings = settings
        self.tokens = TokenService(
            grants=grants,
            sender=world.sender,
            clock=world.clock,
            events=world.events,
        )
        self.leaver = Late(self._made_leaver)
        self._reading: asyncio.Task[None] | None = None
        self._resaver = Resaver(grants=grants, clock=world.clock, events=world.events)
        self._resaving = asyncio.create_task(self._resaver.run(), name="save again")

    @property
    def degraded(self) -> Degraded | None:
        """What is in memory alone, or None."""
        return self._resaver.degraded

    def begin(self) -> None:
        """Find out what became of the refreshes that a crash cut off; never waits.

        Grants are read for that, in the order of nobody's asking: a few now, the rest a
        few at a time between what else is to be done.
        """
        if self._read_on():
            self._reading = asyncio.create_task(self._read_rest(), name="read grants")

    async def read_through(self) -> None:
        """Return when every grant has been read; others are served in between."""
        if self._reading is not None:
            await asyncio.wait([self._reading])

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

    async def close(self) -> tuple[AccountName, ...]:
        """Let refreshes end, then let go of the store; see `Grants.close`."""
        await _end(self._reading)
        if self.leaver.made is not None:
            await self.leaver.made.close()
        await self.tokens.close()
        await _end(self._resaving)
        await self._world.recorder.detach()
        return await self.grants.close()

    def _made_leaver(self) -> "Leaver":
        # Most daemons see no log-out, or only such as are over at once.
        from broker.services.leaver import Leaver  # noqa: PLC0415 - as said
        from broker.services.revoker import Revoker  # noqa: PLC0415 - as said

        world = self._world
        return Leaver(
            grants=self.grants,
            revoker=Revoker(
                sender=world.sender,
                clock=world.clock,
                outage=self.tokens.health.outage_at,
            ),
            clock=world.clock,
            events=world.events,
        )

    def _read_on(self) -> bool:
        """Whether there may be more."""
        found = self.grants.read_on(READ_AT_ONCE)
        self.tokens.recover(found)
        if self.grants.leaving():
            self.leaver.get().look()
        return len(found) >= READ_AT_ONCE

    async def _read_rest(self) -> None:
        with collection_paused():
            while self._read_on():  # noqa: ASYNC110 - it is work, not a wait
                await asyncio.sleep(0)  # let others have their turn
        # All of it stays: collecting need not walk through it while a peer waits.
        gc.freeze()


@contextmanager
def collection_paused() -> Iterator[None]:
    """Let nothing look for garbage among what is being read: all of it is kept.

    Ten thousand grants take four times as long otherwise.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def free_what_holds_itself() -> None:
    """Such as the frames of a refresh that was refused, which have its grant.

    What is kept from being looked through is looked through this once.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


async def _end(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _forget_answers(store: GrantStore) -> None:
    """What the person has allowed programs, and perhaps taken back since that copy."""
    from broker.services.remembered import SETTING  # noqa: PLC0415 - rare, see `Late`

    with suppress(SettingDamagedError):  # such a one allows nothing
        if await store.load_setting(SETTING) is not None:
            await store.save_setting(SETTING, None)


async def opened(store: GrantStore, health: Health | None, world: World) -> Opened:
    """The services of `store`, which has just been opened."""

    def tell_of_policy() -> None:
        at = world.clock.now().wall
        world.events.publish(Event(kind=EventKind.POLICY_CHANGED, at=at))

    grants, policies = Grants(store), Policies(store, tell_of_policy)
    sockets = SocketRecords(store)
    is_old_copy = health is not None and health.is_old_copy
    try:
        await grants.load()
        await policies.load()
        await sockets.load(is_old_copy=is_old_copy)
        if health is not None and is_old_copy:
            log.warning("store.old_copy generation=%d", health.generation)
            await _forget_answers(store)
            await grants.put_back(world.clock.now().wall)
    except BaseException:  # cancelled, too: an open store lets nobody else open it
        await store.close()
        raise
    return Opened(grants, policies, sockets, store, world)
