"""Who got what: takes entries in and has them written. Knows no file and no line.

Nobody ever waits for it, and nothing is refused because of it: what cannot be written
is kept for later, as long as there is room, and what is lost is counted and said.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from broker.model.audit import AuditEntry, Result
from broker.model.errors import SettingDamagedError, StoreFailedError
from broker.model.late import Late
from broker.model.peer import Peer, SocketOptions
from broker.model.peer_facts import PeerFacts
from broker.model.time import Seconds, UnixTime
from broker.services.audit_interfaces import InThread, Trail
from broker.services.audit_pending import Pending
from broker.services.audit_settings import (
    audit_key,
    load_remembered,
    save_remembered,
)
from broker.services.interfaces import Clock, GrantStore, PeerLooker
from broker.store.audit_check import Remembered, Verdict

log = logging.getLogger(__name__)

GATHER = Seconds(0.5)
"""What comes in this time is written at once: so much a crash can lose."""

KEEP_AFTER = Seconds(60)
"""The end of the log is saved in the store so long after it has moved. A program that
kills the daemon can hide the lines of this time, and no others."""

_LONGEST_PAUSE = Seconds(60)


class Audit:
    """Takes entries in from the start of the daemon to its end.

    Args:
        trail: the log.
        looker: at the programs that ask.
        random: for the key of the log.
        in_thread: runs what blocks.
    """

    def __init__(
        self,
        *,
        trail: Trail,
        clock: Clock,
        looker: Late[PeerLooker],
        random: Callable[[int], bytes],
        in_thread: InThread = asyncio.to_thread,
    ) -> None:
        self._trail = trail
        self._clock = clock
        self._looker = looker
        self._random = random
        self._in_thread = in_thread
        self._store: GrantStore | None = None
        self._is_open = False
        self._pending = Pending()
        self._why = "there was no room"
        # Held by whoever writes: files and chain are no two's at once.
        self._turn = asyncio.Lock()
        self._writing: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None

    # --- taking in: never waits, never raises ---------------------------------------

    def record(self, entry: AuditEntry) -> None:
        """Take one in."""
        self._pending.add(entry, self._clock.now().wall)
        self._write_soon()

    def facts(self, connected: SocketOptions | None, peer: Peer) -> PeerFacts:
        """The peer of an entry: what it was when it was first seen."""
        if connected is None:
            return PeerFacts(uid=peer.uid, pid=peer.pid)
        return self._looker.get().label(connected, peer)

    # --- the store, which holds the key ----------------------------------------------

    def attach(self, store: GrantStore) -> None:
        """The store is open: what waited is written from now on."""
        self._store = store
        self.record(AuditEntry(operation="store.opened", result=Result.NOTED))
        self._write_soon()

    async def detach(self) -> None:
        """The store is about to be closed: what there is is written first."""
        self.record(AuditEntry(operation="store.closed", result=Result.NOTED))
        async with self._turn:
            if self._store is not None and await self._flush():
                await self._keep()
            self._store, self._is_open = None, False
            # After the last line, which has begun them again.
            for task in (self._writing, self._keeping):
                await _end(task)
            self._writing = self._keeping = None
            with suppress(OSError):
                await self._in_thread(self._trail.close)

    async def end(self) -> None:
        """The daemon ends: what waits for a store that stays locked is set aside."""
        async with self._turn:
            if not self._pending:
                return
            bodies = self._pending.bodies(self._why)
            try:
                await self._in_thread(partial(self._trail.set_aside, bodies))
            except OSError as exc:
                log.warning("audit.lost lines=%d what=%r", len(bodies), _text(exc))

    async def verify(self) -> Verdict:
        """Look through the whole log, the newest entries too.

        Raises:
            StoreFailedError: it cannot be read.
        """
        async with self._turn:
            if not await self._flush():
                raise StoreFailedError(what=f"the audit log: {self._why}")
            try:
                return await self._in_thread(self._trail.check)
            except OSError as exc:
                raise StoreFailedError(what=f"the audit log: {_text(exc)}") from exc

    # --- writing ---------------------------------------------------------------------

    def _write_soon(self) -> None:
        if self._writing is None and self._store is not None:
            self._writing = asyncio.create_task(self._write(), name="audit")

    async def _write(self) -> None:
        """Until there is nothing left to write: an idle daemon has no timer."""
        pause = GATHER
        try:
            while self._pending:
                await self._clock.sleep(pause)
                async with self._turn:
                    done = await self._flush()
                pause = GATHER if done else Seconds(min(2 * pause, _LONGEST_PAUSE))
        finally:
            self._writing = None

    async def _flush(self) -> bool:
        """Write what there is, with the turn held; whether that could be done."""
        taken, self._pending = self._pending, Pending()
        at = self._clock.now().wall
        try:
            await self._open(at)
            bodies = taken.bodies(self._why)
            begun = await self._in_thread(partial(self._trail.append, bodies, at))
        except (OSError, StoreFailedError) as exc:
            self._why = _text(exc)
            log.warning("audit.failed what=%r", self._why)
            # It waits for the next try, with what came since.
            taken.add_all(self._pending)
            self._pending = taken
            return False
        if begun and await self._keep():
            await self._in_thread(self._trail.prune)
        elif self._keeping is None:
            self._keeping = asyncio.create_task(self._keep_later(), name="audit end")
        return True

    # --- the key and the end, which are sealed in the store ---------------------------

    async def _open(self, at: UnixTime) -> None:
        """Take up the log, if that has not been done.

        Raises:
            OSError, StoreFailedError: it cannot be had.
        """
        if self._is_open:
            return
        if self._store is None:
            raise OSError(None, "the store is locked")
        key = await audit_key(self._store, self._random)
        remembered = await self._remembered(self._store)
        await self._in_thread(partial(self._trail.open, key, remembered, at))
        self._is_open = True

    async def _remembered(self, store: GrantStore) -> Remembered:
        try:
            return await load_remembered(store)
        except SettingDamagedError:
            self.record(AuditEntry(operation="audit.head_lost", result=Result.NOTED))
            return Remembered()

    async def _keep(self) -> bool:
        """Save where the log ends, on the disk by then; whether that is done."""
        if self._store is None or not self._is_open:
            return False
        try:
            await self._in_thread(self._trail.flush)
            await save_remembered(self._store, self._trail.remembered)
        except (OSError, StoreFailedError) as exc:
            log.warning("audit.end.failed what=%r", _text(exc))
            return False
        return True

    async def _keep_later(self) -> None:
        try:
            is_kept = False
            while not is_kept:
                await self._clock.sleep(KEEP_AFTER)
                async with self._turn:
                    is_kept = await self._keep()
        finally:
            self._keeping = None


def _text(exc: OSError | StoreFailedError) -> str:
    if isinstance(exc, StoreFailedError):
        return exc.what
    return exc.strerror or str(exc)


async def _end(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
