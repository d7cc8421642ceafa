"""The book of restricted sockets: made, kept over restarts, ended.

Knows no socket of the operating system: `SocketDoors` opens and closes them.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Sequence

import msgspec

from broker.model.audit import AuditEntry, Result
from broker.model.errors import (
    BadRequestError,
    SocketExistsError,
    SocketUnusableError,
    StoreFailedError,
    UnknownSocketError,
)
from broker.model.peer_facts import PeerFacts
from broker.model.restriction import Restriction, Runner, SocketName
from broker.model.time import Seconds, UnixTime
from broker.services.interfaces import Clock, Processes, Recorder, SocketDoors
from broker.services.opened import Opened
from broker.services.socket_records import SocketRecord
from broker.services.socket_runners import SocketRunners
from broker.services.vault import Vault

log = logging.getLogger(__name__)

MOST_SOCKETS = 64
"""Each is an open file, and some memory, of a daemon that is to stay small."""


class ListedSocket(msgspec.Struct, frozen=True, kw_only=True):
    """A restricted socket as it is now.

    Attributes:
        path: where it lies.
        fault: why it is not open, or None.
    """

    record: SocketRecord
    path: str
    fault: str | None


class Sockets:
    """Every restricted socket of the store.

    While the store is locked those that are open stay so, and their peers are told.

    Args:
        closed: is told of one that has ended.
    """

    def __init__(
        self,
        *,
        vault: Vault,
        doors: SocketDoors,
        clock: Clock,
        recorder: Recorder,
        processes: Processes,
        closed: Callable[[SocketName], None],
    ) -> None:
        self._vault = vault
        self._recorder = recorder
        self._processes = processes
        self._closed = closed
        self._runners = SocketRunners(processes, self._end_with_runner)
        self._doors = doors
        self._clock = clock
        self._open: dict[SocketName, Restriction] = {}
        self._faults: dict[SocketName, str] = {}
        self._ends: dict[SocketName, Seconds] = {}
        self._changing = asyncio.Lock()
        self._timer: asyncio.Task[None] | None = None

    @property
    def is_damaged(self) -> bool:
        """Whether those of the store cannot be read."""
        return self._vault.require_open().sockets.is_damaged

    def all(self) -> Sequence[ListedSocket]:
        """Those of the open store.

        Raises:
            LockedError: none is open.
        """
        records = self._vault.require_open().sockets.all()
        return [self._listed(record) for record in records]

    def runner(self, facts: PeerFacts) -> Runner | None:
        """A process that a socket can end with; None where nobody would tell."""
        return self._processes.runner(facts)

    async def add(
        self, restriction: Restriction, expires_in: Seconds | None
    ) -> ListedSocket:
        """Make one; peers may come when this returns, and after every restart.

        Args:
            restriction: what it is for; its two moments are set here.
            expires_in: seconds until it ends by itself, or None.

        Raises:
            SocketExistsError, UnknownAccountError, SocketUnusableError: see there.
            StoreFailedError: the disk refused; there is no such socket then.
            LockedError: no store is open.
        """
        async with self._vault.held_open() as opened, self._changing:
            self._require_possible(opened, restriction)
            restriction = _dated(restriction, expires_in, self._clock.now().wall)
            # Open, then saved: one that cannot be opened is not to come back.
            await self._doors.open(restriction)
            try:
                await opened.sockets.add(restriction)
            except BaseException:
                await self._doors.close(restriction)
                raise
            self._opened(restriction)
            self._set_timer()
        log.info("socket.added name=%s", restriction.name)
        return self._listed(SocketRecord(restriction=restriction))

    async def remove(self, name: SocketName) -> None:
        """End it: nobody comes in any more, and who is in is cut off.

        Raises:
            UnknownSocketError: there is none.
            StoreFailedError: the disk refused; it is cut off now, and comes back with
                the next daemon.
            LockedError: no store is open.
        """
        async with self._vault.held_open() as opened, self._changing:
            if opened.sockets.find(name) is None:
                raise UnknownSocketError(socket=name)
            await self._close([name])
            self._faults[name] = "it was removed, and the disk refused to forget it"
            await opened.sockets.remove([name])
            del self._faults[name]
            self._set_timer()
        log.info("socket.removed name=%s", name)

    async def restore(self, opened: Opened) -> None:
        """Have open what `opened` has, and nothing else.

        Called while the store is being opened. A socket that cannot be opened is told
        by `all`; it is tried again with the next daemon, or when it is made anew.
        """
        async with self._changing:
            kept = {each.restriction.name: each for each in opened.sockets.all()}
            wall = self._clock.now().wall
            ended = [
                name
                for name, record in kept.items()
                if _has_ended(record, wall)
                or self._runners.has_ended(record.restriction)
            ]
            for name in ended:
                del kept[name]
            self._record_ended(ended)
            await self._close(
                name
                for name, own in self._open.items()
                if name not in kept or kept[name].restriction != own
            )
            for record in kept.values():
                if record.restriction.name not in self._open:
                    await self._open_again(record.restriction)
            self._doors.sweep(frozenset(kept))
            await self._forget(opened, ended)
            self._set_timer()

    async def close(self) -> None:
        """Await no end any more; the doors are closed by whoever has them."""
        await self._runners.close()
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
            await asyncio.gather(timer, return_exceptions=True)

    def _listed(self, record: SocketRecord) -> ListedSocket:
        return ListedSocket(
            record=record,
            path=self._doors.path(record.restriction),
            fault=self._faults.get(record.restriction.name),
        )

    def _require_possible(self, opened: Opened, restriction: Restriction) -> None:
        sockets = opened.sockets
        if sockets.find(restriction.name) is not None:
            raise SocketExistsError(socket=restriction.name)
        if len(sockets.all()) >= MOST_SOCKETS:
            raise BadRequestError(what=f"there are {MOST_SOCKETS} sockets already")
        for account in restriction.accounts:
            opened.grants.get(account)

    async def _open_again(self, restriction: Restriction) -> None:
        try:
            await self._doors.open(restriction)
        except SocketUnusableError as exc:
            log.warning("socket.unusable name=%s what=%r", restriction.name, exc.what)
            self._faults[restriction.name] = exc.what
            return
        self._opened(restriction)

    def _opened(self, restriction: Restriction) -> None:
        self._open[restriction.name] = restriction
        self._faults.pop(restriction.name, None)
        self._runners.await_end(restriction)
        if restriction.expires_at is not None:
            now = self._clock.now()
            left = restriction.expires_at - now.wall
            self._ends[restriction.name] = Seconds(now.boot + left)

    async def _close(self, names: Iterable[SocketName]) -> None:
        for name in list(names):
            restriction = self._open.pop(name, None)
            self._ends.pop(name, None)
            self._runners.forget(name)
            if restriction is not None:
                await self._doors.close(restriction)
                self._closed(name)

    # --- the end by itself -----------------------------------------------------------

    def _set_timer(self) -> None:
        """One for the nearest end, and none where there is no end."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        if self._ends:
            self._timer = asyncio.create_task(self._end_in_time(), name="socket ends")

    async def _end_in_time(self) -> None:
        while self._ends:
            left = min(self._ends.values()) - self._clock.now().boot
            if left > 0:
                await self._clock.sleep(Seconds(left))
                continue
            async with self._changing:
                now = self._clock.now().boot
                ended = [name for name, end in self._ends.items() if end <= now]
                await self._close(ended)
                self._record_ended(ended)
                await self._forget(self._vault.opened, ended)

    async def _end_with_runner(self, restriction: Restriction) -> None:
        async with self._changing:
            if self._open.get(restriction.name) == restriction:
                self._record_ended([restriction.name])
                await self._close([restriction.name])
                await self._forget(self._vault.opened, [restriction.name])
                self._set_timer()

    def _record_ended(self, names: Iterable[SocketName]) -> None:
        for name in names:
            log.info("socket.expired name=%s", name)
            self._recorder.record(
                AuditEntry(operation="socket.expired", result=Result.NOTED, detail=name)
            )

    async def _forget(
        self, opened: Opened | None, names: Collection[SocketName]
    ) -> None:
        """Where the store is locked or refuses, the next start does it."""
        if opened is None or not names:
            return
        try:
            await opened.sockets.remove(names)
        except StoreFailedError as exc:
            log.warning("socket.forget.failed what=%r", exc.what)


def _dated(
    restriction: Restriction, expires_in: Seconds | None, wall: UnixTime
) -> Restriction:
    end = None if expires_in is None else UnixTime(wall + expires_in)
    return msgspec.structs.replace(restriction, made_at=wall, expires_at=end)


def _has_ended(record: SocketRecord, wall: UnixTime) -> bool:
    """Whether its end has come, while there was no daemon or no open store perhaps."""
    end = record.restriction.expires_at
    return end is not None and end <= wall
