"""Who got what: takes entries in and has them written. Knows no file and no line.

Nobody ever waits for it, and nothing is refused because of it: what cannot be written
is kept for later, as long as there is room, and what is lost is counted and said.

The same by the same program within half a second is one line with a number: a program
that asks ten thousand times a second costs its one line, and cannot drive the rest out
of the log.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Protocol, TypeVar

import msgspec

from broker.model.audit import AuditEntry, Result, audit_body, gap_body
from broker.model.errors import SettingDamagedError, StoreFailedError
from broker.model.late import Late
from broker.model.peer import Peer, SocketOptions
from broker.model.peer_facts import PeerFacts
from broker.model.secret import SecretBytes
from broker.model.time import Seconds, UnixTime
from broker.services.interfaces import Clock, GrantStore, PeerLooker
from broker.store.audit_chain import KEY_BYTES, End
from broker.store.audit_check import Remembered, Verdict

log = logging.getLogger(__name__)

KEY_SETTING, HEAD_SETTING = "audit_key", "audit_head"

GATHER = Seconds(0.5)
"""What comes in this time is written at once: so much a crash can lose."""

KEEP_AFTER = Seconds(60)
"""The end of the log is saved in the store so long after it has moved. A program that
kills the daemon can hide the lines of this time, and no others."""

MOST_PENDING = 512
"""Different entries that wait; a person's programs have a dozen in half a second."""

_LONGEST_PAUSE = Seconds(60)

T = TypeVar("T")


class InThread(Protocol):
    """Runs what blocks, elsewhere, such as `asyncio.to_thread`."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """What `work` returns."""
        ...


class Trail(Protocol):
    """The log on the disk, see `AuditLog`. Every method blocks, and raises OSError."""

    @property
    def remembered(self) -> Remembered:
        """What is to be kept of it in the store."""
        ...

    def open(self, key: SecretBytes, remembered: Remembered, at: float) -> None:
        """Take it up where it is, or begin one."""
        ...

    def append(self, bodies: Sequence[bytes], at: float) -> bool:
        """Write all or none; whether a new file has begun."""
        ...

    def prune(self) -> None:
        """Take away the files that need not be kept."""
        ...

    def flush(self) -> None:
        """It is on the disk when this returns."""
        ...

    def check(self) -> Verdict:
        """Look through all of it."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    first: int
    sequence: int
    mac: str


class _Pending:
    __slots__ = ("at", "entry", "times")

    def __init__(self, entry: AuditEntry, at: UnixTime) -> None:
        self.entry = entry
        self.at = at
        self.times = 1


class _Lost:
    """Entries that there was no room for."""

    def __init__(self, at: UnixTime) -> None:
        self.count = 0
        self.since = self.until = at


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
        self._pending: dict[tuple[object, ...], _Pending] = {}
        self._lost: _Lost | None = None
        self._why = "there was no room"
        # Held by whoever writes: files and chain are no two's at once.
        self._turn = asyncio.Lock()
        self._writing: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None

    # --- taking in: never waits, never raises ---------------------------------------

    def record(self, entry: AuditEntry) -> None:
        """Take one in."""
        same = entry.sameness
        pending = self._pending.get(same)
        if pending is not None:
            pending.times += 1
            return
        at = self._clock.now().wall
        if len(self._pending) >= MOST_PENDING:
            self._lose(1, at)
            return
        self._pending[same] = _Pending(entry, at)
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
            while self._pending or self._lost:
                await self._clock.sleep(pause)
                async with self._turn:
                    done = await self._flush()
                pause = GATHER if done else Seconds(min(2 * pause, _LONGEST_PAUSE))
        finally:
            self._writing = None

    async def _flush(self) -> bool:
        """Write what there is, with the turn held; whether that could be done."""
        taken, self._pending = self._pending, {}
        lost, self._lost = self._lost, None
        at = self._clock.now().wall
        try:
            await self._open(at)
            bodies = [
                audit_body(one.entry, one.at, one.times) for one in taken.values()
            ]
            if lost is not None:
                bodies.append(gap_body(lost.count, lost.since, lost.until, self._why))
            begun = await self._in_thread(partial(self._trail.append, bodies, at))
        except (OSError, StoreFailedError) as exc:
            self._why = _text(exc)
            log.warning("audit.failed what=%r", self._why)
            self._put_back(taken, lost)
            return False
        if begun and await self._keep():
            await self._in_thread(self._trail.prune)
        elif self._keeping is None:
            self._keeping = asyncio.create_task(self._keep_later(), name="audit end")
        return True

    def _put_back(
        self, taken: dict[tuple[object, ...], _Pending], lost: _Lost | None
    ) -> None:
        """What could not be written waits for the next try, with what came since."""
        came, self._pending = self._pending, taken
        came_lost, self._lost = self._lost, lost
        if came_lost is not None:
            self._lose(came_lost.count, came_lost.until)
        for same, one in came.items():
            before = self._pending.get(same)
            if before is not None:
                before.times += one.times
            elif len(self._pending) < MOST_PENDING:
                self._pending[same] = one
            else:
                self._lose(one.times, one.at)

    def _lose(self, count: int, at: UnixTime) -> None:
        if self._lost is None:
            self._lost = _Lost(at)
            self._write_soon()
        self._lost.count += count
        self._lost.until = at

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
        key = await self._key(self._store)
        remembered = await self._remembered(self._store)
        await self._in_thread(partial(self._trail.open, key, remembered, at))
        self._is_open = True

    async def _key(self, store: GrantStore) -> SecretBytes:
        with suppress(SettingDamagedError):  # a new one, which the log will say
            text = await store.load_setting(KEY_SETTING)
            if text is not None:
                return SecretBytes(bytes.fromhex(text))
        key = self._random(KEY_BYTES)
        await store.save_setting(KEY_SETTING, key.hex())
        return SecretBytes(key)

    async def _remembered(self, store: GrantStore) -> Remembered:
        try:
            text = await store.load_setting(HEAD_SETTING)
        except SettingDamagedError:
            self.record(AuditEntry(operation="audit.head_lost", result=Result.NOTED))
            return Remembered()
        if text is None:
            return Remembered()
        head = msgspec.json.decode(text, type=_Head)
        end = End(sequence=head.sequence, mac=bytes.fromhex(head.mac))
        return Remembered(first=head.first, end=end)

    async def _keep(self) -> bool:
        """Save where the log ends, on the disk by then; whether that is done."""
        if self._store is None or not self._is_open:
            return False
        try:
            await self._in_thread(self._trail.flush)
            found = self._trail.remembered
            head = _Head(
                first=found.first, sequence=found.end.sequence, mac=found.end.mac.hex()
            )
            text = msgspec.json.encode(head).decode()
            await self._store.save_setting(HEAD_SETTING, text)
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
