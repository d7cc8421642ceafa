"""The open store file: one connection at a time, and the one thread that touches it.

Knows transactions and files; what is read and written is the caller's. After an error
of the disk the file is opened anew: what the kernel still has in memory of a write that
failed says nothing of what is on the disk.
"""

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from broker.model.errors import LockedError, StoreCorruptError, StoreFailedError
from broker.store.ballast import Ballast
from broker.store.connection import (
    PRIMARY_CODE,
    connect,
    errors_of_running,
    is_damage,
    sqlite_code,
)
from broker.store.schema import Header

log = logging.getLogger(__name__)

T = TypeVar("T")


class Database:
    """One open store file. All work on it is done in turn, on its own thread."""

    header: Header
    """What the store said of itself when it was opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._connection: sqlite3.Connection | None = None
        self._files: dict[Path, os.stat_result] = {}
        self._ballast = Ballast(path.with_suffix(".ballast"))
        self._closed = False
        self._is_suspect = False

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open the file.

        Raises:
            StoreCorruptError, LockedError, StoreFailedError: see `connection.connect`.
        """
        database = cls(path)
        try:
            await database._on_thread(database._connect)
        except BaseException:  # cancelled, too: the thread goes on, and then closes
            await database.close()
            raise
        return database

    @property
    def is_closed(self) -> bool:
        """Whether it has been, or is being, closed."""
        return self._closed

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` finds.

        Raises:
            StoreFailedError: the disk refused, or the store is closed.
        """
        return await self._on_thread(partial(self._read, work))

    async def write(
        self,
        work: Callable[[sqlite3.Connection], T],
        done: Callable[[T], None] | None = None,
    ) -> T:
        """Do `work` in one transaction; when this returns, a crash finds it done.

        On a full disk the ballast is given up and `work` done once more: it must not
        count how often it is called.

        Args:
            work: called on the thread; nobody knows yet whether it will be done.
            done: told what `work` returned, on the thread, when it is done: also where
                nobody waits for it any more.

        Raises:
            StoreFailedError: the disk refused, the store is closed, or the file is no
                longer where it was; nothing has changed.
            Exception: what `work` raises; nothing has changed.
        """
        return await self._on_thread(partial(self._write, work, done))

    @contextmanager
    def damage_told(self) -> Iterator[None]:
        """What is met in the file while it is read for the first time is its damage.

        Raises:
            StoreCorruptError: in place of a StoreFailedError that is not the disk's.
        """
        try:
            yield
        except StoreFailedError as exc:
            if not is_damage(exc):
                raise
            raise StoreCorruptError(path=str(self._path), what=exc.what) from exc

    async def wipe_log(self) -> None:
        """Empty the write-ahead log, where deleted records are still to be found.

        Tried only: the log is emptied again when the store is closed.
        """
        with suppress(StoreFailedError):
            await self.read(
                lambda connection: connection.execute(
                    "PRAGMA wal_checkpoint(TRUNCATE)"
                ).fetchall()
            )

    async def close(self) -> None:
        """Finish what is under way and let go of the file. Idempotent."""
        if self._closed:
            return
        self._closed = True
        done = self._thread.submit(self._disconnect)
        self._thread.shutdown(wait=False)
        # Shielded: a wait that is cancelled must not leave the file locked.
        await asyncio.shield(asyncio.wrap_future(done))

    async def _on_thread(self, work: Callable[[], T]) -> T:
        if self._closed:
            raise StoreFailedError(what="the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    # --- on the thread ---------------------------------------------------------

    def _connect(self) -> None:
        self._connection, self.header = connect(self._path)
        log_file = self._path.with_name(self._path.name + "-wal")
        with self._errors_of_files():
            self._files = {path: path.lstat() for path in (self._path, log_file)}
        self._ballast.lay()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._suspecting(), errors_of_running():
            return work(self._opened())

    def _write(
        self,
        work: Callable[[sqlite3.Connection], T],
        done: Callable[[T], None] | None,
    ) -> T:
        try:
            result = self._write_once(work)
        except StoreFailedError as exc:
            if not _may_need_room(exc) or not self._ballast.drop():
                raise
            result = self._write_once(work)
        if done is not None:
            done(result)
        self._ballast.lay()
        return result

    def _write_once(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._opened()
        self._verify_files()
        with self._suspecting(), errors_of_running(), _transaction(connection):
            result = work(connection)
        self._verify_files()
        return result

    def _opened(self) -> sqlite3.Connection:
        if self._is_suspect:
            self._open_anew()
        if self._connection is None:
            raise StoreFailedError(what="the store is closed")
        return self._connection

    @contextmanager
    def _suspecting(self) -> Iterator[None]:
        try:
            yield
        except StoreFailedError as exc:
            # A full disk is known to have taken nothing.
            self._is_suspect = self._is_suspect or not _is_full(exc)
            raise

    def _open_anew(self) -> None:
        opened = self._files[self._path]
        with suppress(sqlite3.Error):
            self._disconnect()
        self._connection = None
        try:
            with self._errors_of_files():
                if not os.path.samestat(self._path.lstat(), opened):
                    what = f"{self._path} was replaced by another file"
                    raise StoreFailedError(what=what)
            self._connect()
        except (StoreCorruptError, LockedError) as exc:
            raise StoreFailedError(what=str(exc)) from exc
        self._is_suspect = False
        log.info("store.opened_anew")

    def _verify_files(self) -> None:
        # SQLite goes on writing to a file that was deleted or replaced, and says OK:
        # nobody would find what was saved. The log holds the last saves.
        with self._errors_of_files():
            for path, opened in self._files.items():
                if not os.path.samestat(path.lstat(), opened):
                    raise StoreFailedError(what=f"{path} was replaced by another file")

    @contextmanager
    def _errors_of_files(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            what = f"{exc.filename} is gone: {exc.strerror}"
            raise StoreFailedError(what=what) from exc


def _is_full(error: StoreFailedError) -> bool:
    # Where there are no inodes left, the log cannot be made.
    full = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN)
    return sqlite_code(error) & PRIMARY_CODE in full


def _may_need_room(error: StoreFailedError) -> bool:
    # What SQLite says where it is not the disk that is full, but the person's quota.
    return _is_full(error) or sqlite_code(error) == sqlite3.SQLITE_IOERR_WRITE


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk ends the transaction by itself; then there is none to end.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
