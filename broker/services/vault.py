"""The store as the services see it: none, locked or open.

Knows no key and no file: the `StoreDoor` does. Never makes a new store over an
old one, and never tries another key source than the recorded ones.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, suppress

from broker.model.account import AccountName
from broker.model.errors import (
    LockedError,
    StoppingError,
    StoreCorruptError,
    StoreFailedError,
)
from broker.model.event import Event, EventKind
from broker.model.grant import Grant
from broker.model.secret import Secret
from broker.model.store import VaultState
from broker.model.time import Seconds
from broker.services.events import Events
from broker.services.holders import Holders
from broker.services.idle_lock import IdleLock
from broker.services.interfaces import Clock, GrantStore, HttpSender, Recorder
from broker.services.opened import Opened, World, free_what_holds_itself, opened
from broker.services.reopening import Reopener
from broker.services.slowing import Slowing
from broker.services.store_interfaces import StoreDoor
from broker.services.store_state import StoreState
from broker.store.keys.names import PASSPHRASE

log = logging.getLogger(__name__)


class Vault(StoreState):
    """Owner of the open store and of the services that live on it.

    Attributes:
        changing: held by whoever opens, locks or makes the store.
        holders: those who would lose what cannot be had again if it were locked now.
        used: somebody has just been served.
    """

    def __init__(
        self,
        *,
        door: StoreDoor,
        sender: HttpSender,
        clock: Clock,
        events: Events,
        recorder: Recorder,
        lock_after_idle: Seconds | None = None,
        when_open: Callable[[Opened], Awaitable[None]] | None = None,
    ) -> None:
        """Begin without a store; `when_open` is awaited whenever there is one."""
        super().__init__(door)
        self._when_open = when_open
        self.changing = asyncio.Lock()
        self.holders = Holders()
        self._world = World(
            sender=sender, clock=clock, events=events, recorder=recorder
        )
        self._clock = clock
        self._slowing = Slowing(clock)
        self._reopener = Reopener(clock, self._reopen)
        self._idle_lock = IdleLock(
            after=lock_after_idle, clock=clock, lock=self._lock_because_idle
        )
        self.used = self._idle_lock.used

    def not_idle(self) -> AbstractContextManager[None]:
        """Around what will need the store open; locking by hand is not kept from."""
        return self._idle_lock.not_idle()

    def require_open(self) -> Opened:
        """The open services.

        Raises:
            LockedError: there is a store, but it is locked.
            StoreCorruptError: there is a store, but it cannot be read.
            StoppingError: the daemon is ending.
        """
        if self._opened is None and self._closing:
            raise StoppingError
        if self._opened is None:
            self._reopener.ask()
            closed = self._closed or LockedError(reason="there is no store yet")
            # Another one each time: a traceback would grow for ever.
            raise closed.again()
        return self._opened

    async def open_at_start(self) -> None:
        """Open the store where that needs no question; otherwise serve without.

        A daemon that left instead would be started again by its service manager
        for ever, and nobody would be told why. Where a key may be had later, it is
        tried again until it is.
        """
        if not self._door.exists():
            return
        async with self.changing:
            await self.open_again()
        if self._closed is not None:
            log.warning("store.closed code=%s", self._closed.code)

    async def unlock(
        self, passphrase: Secret | None, *, remember: int | None = None
    ) -> None:
        """Open the store for a person who waits; nothing happens where it is open.

        Args:
            passphrase: what the person typed, or None.
            remember: seconds for which the next daemon may open it without a question;
                None for not at all.

        Raises:
            LockedError: a passphrase is needed, or the key cannot be had, or there
                is no store.
            WrongPassphraseError: it does not open. The next try is slowed.
            StoreCorruptError: the file cannot be read.
            KeySourceUnavailableError: it is open, but cannot be remembered.
        """
        async with self._slowing.turn(), self.changing:
            await self._open(passphrase, ask=True)
            if remember is not None:
                await self._door.remember(remember)

    async def lock(self, reason: str = "it was locked by hand") -> None:
        """Drop keys, grants and tokens from memory until `unlock`.

        Raises:
            LockedError: there is no store.
            StoreFailedError: the disk refuses grants that would be lost.
        """
        async with self.changing:
            if self.state is VaultState.NONE:
                raise LockedError(reason="there is no store yet")
            await self.shut(LockedError(reason=reason))

    def find(self, account: AccountName) -> Grant | None:
        """The grant of an account, for a login; None where no store was made yet.

        Raises:
            LockedError, StoreCorruptError: see `require_open`.
        """
        if self.state is VaultState.NONE:
            return None
        return self.require_open().grants.find(account)

    @asynccontextmanager
    async def held_open(self) -> AsyncIterator[Opened]:
        """Around what must not be left half done: a lock waits for its end.

        Raises:
            LockedError, StoreCorruptError, StoppingError: see `require_open`.
        """
        with ExitStack() as held:
            async with self.changing:
                opened = self.require_open()
                held.enter_context(self.holders.one_more())
            yield opened

    async def open_for_grant(self) -> str | None:
        """Make sure that a grant can be saved: the first one makes the store.

        Returns:
            The key source of the store that was made, or None where there was one.

        Raises:
            LockedError, StoreCorruptError: see `require_open`.
            StoreFailedError: the disk refused.
        """
        async with self.changing:
            if self.state is not VaultState.NONE:
                self.require_open()
                return None
            await self.serve(await self._door.create(None, None))
            source = self._door.slots()[0].source
            log.info("store.created source=%s", source)
        return source

    def begin_to_close(self) -> None:
        """Begin no refresh and no log-out from now on."""
        self._closing = True
        if self._opened is not None:
            self._opened.tokens.begin_to_close()

    async def close(self) -> tuple[AccountName, ...]:
        """Let refreshes end, then let go of the store; see `Grants.close`."""
        self._closing = True
        await self._reopener.stop()
        closing, self._opened = self._opened, None
        return await self._let_go(closing)

    # --- with `changing` held ----------------------------------------------------

    async def serve(self, store: GrantStore) -> None:
        """Begin to serve from a store that has just been opened.

        Raises:
            StoreFailedError: the disk refused; the store is closed again.
            StoppingError: the daemon is ending, and would not close it any more.
        """
        try:
            found = await opened(store, self._door.health(), self._world)
        except StoreFailedError as exc:
            self._closed = _cannot_be_opened(exc)
            self._reopener.start()
            raise
        except StoreCorruptError as exc:
            self._closed = exc.again()
            raise
        if self._closing:
            await found.close()
            raise StoppingError
        self._opened, self._closed = found, None
        found.begin()
        self._world.recorder.attach(store)
        await self._reopener.stop()
        self._idle_lock.start()
        if self._when_open is not None:
            await self._when_open(found)
        self._tell(EventKind.UNLOCKED)

    async def open_again(self) -> None:
        """Open the store where that needs no question; else try until it can be had."""
        if not await self._open_silently():
            self._reopener.start()

    async def shut(self, because: LockedError) -> None:
        """Let go of the store; it is locked from now on, until somebody unlocks it.

        Raises:
            StoreFailedError: the disk refuses grants that would be lost.
        """
        # No new one comes while `changing` is held: each has made sure of the store.
        await self.holders.wait_for_none()
        if self._opened is not None:
            await self._opened.require_saved()
        # At once: nothing may begin between that question and this moment.
        closing, self._opened, self._closed = self._opened, None, because
        await self._door.forget()
        await self._reopener.stop()
        await self._let_go(closing)
        if closing is not None:
            # Now: nothing is looked for by itself while nobody asks for anything.
            free_what_holds_itself()
            log.info("store.locked reason=%r", because.reason)
            self._tell(EventKind.LOCKED, because.reason)

    async def _let_go(self, closing: Opened | None) -> tuple[AccountName, ...]:
        await self._idle_lock.stop()
        return () if closing is None else await closing.close()

    async def _open(self, passphrase: Secret | None, *, ask: bool) -> None:
        if self._opened is not None:
            return
        if not self._door.exists():
            raise LockedError(reason="there is no store yet")
        try:
            await self.serve(await self._door.open(passphrase, ask=ask))
        except (LockedError, StoreCorruptError) as exc:
            # Without its traceback and cause, whose frames hold passphrase and keys.
            self._closed = exc.again()
            raise

    async def _open_silently(self) -> bool:
        """Whether the store is open now, or will not be without the person."""
        try:
            # Nobody waits at the desktop, and peers must hear that we are locked.
            await self._open(None, ask=False)
        except StoreCorruptError:
            return False
        except LockedError:
            slots = self.slots
            return bool(slots) and all(slot.source == PASSPHRASE for slot in slots)
        except StoreFailedError as exc:
            self._closed = _cannot_be_opened(exc)
            return False
        return True

    # --- by itself -----------------------------------------------------------------

    async def _reopen(self) -> bool:
        async with self.changing:
            return await self._open_silently()

    async def _lock_because_idle(self) -> bool:
        with suppress(StoreFailedError):
            await self.lock("nobody has used it for a while")
        return self._opened is None

    def _tell(self, kind: EventKind, reason: str | None = None) -> None:
        self._world.events.publish(
            Event(kind=kind, at=self._clock.now().wall, reason=reason)
        )


def _cannot_be_opened(error: StoreFailedError) -> LockedError:
    return LockedError(reason=f"it cannot be opened: {error.what}")
