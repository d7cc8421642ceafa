"""Connections to a store file, and what SQLite's errors mean. Knows no thread.

Never open a store file by other means while SQLite has it open: POSIX drops all locks
of a process on a file when the process closes any descriptor of that file, and then a
second daemon could come in.
"""

import logging
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from broker.host.files import fault, make_private, private_file, remove_leftover
from broker.model.errors import LockedError, StoreCorruptError, StoreFailedError
from broker.store.schema import Header, NotAStoreError, read_header

log = logging.getLogger(__name__)

# Set before the first page is read.
_CAUTIOUS = (
    "trusted_schema = OFF",  # nothing in a file that others wrote may run functions
    "cell_size_check = ON",  # damage is met where it is, not where it leads
    "mmap_size = 0",  # an error of the disk is then an error, not a SIGBUS
    "temp_store = MEMORY",
    "secure_delete = ON",  # what is deleted is overwritten
)

# EXCLUSIVE before the first access in WAL mode: no -shm file is made then, and no
# second process comes in.
_DURABLE = (
    "locking_mode = EXCLUSIVE",
    "synchronous = FULL",  # one sync a commit; NORMAL would lose the last ones
    "fullfsync = ON",  # both of macOS only, where fsync does not reach the medium
    "checkpoint_fullfsync = ON",
)

_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DISK = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)
SQLITE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite raises; the second where its message quotes a damaged schema."""

PRIMARY_CODE = 0xFF
"""The low byte of an extended result code."""


def connect(path: Path) -> tuple[sqlite3.Connection, Header]:
    """The store, open for this process alone, checked and ready to write.

    Nothing is changed in a file that is not found whole.

    Raises:
        StoreCorruptError: not a store, damaged, or newer than we are.
        LockedError: another process has it open.
        StoreFailedError: the disk refused.
    """
    _claim(path)
    with _errors_of_opening(path):
        _check_with_its_log(path)
        connection = _connected(path, "mode=rw")
        try:
            _set(connection, *_CAUTIOUS, *_DURABLE)
            header = read_header(connection)
            _check_pages(connection)
            _use_write_ahead_log(connection)
        except BaseException:
            connection.close()
            raise
    return connection, header


def connect_to_build(path: Path) -> sqlite3.Connection:
    """An empty file, to be filled, closed, flushed to disk and only then named.

    No journal: whatever a crash leaves of it is thrown away.
    """
    connection = _connected(path, "mode=rw")
    _set(connection, *_CAUTIOUS, "journal_mode = OFF", "synchronous = OFF")
    return connection


def connect_in_memory(data: bytes | None = None) -> sqlite3.Connection:
    """A store that is in no file: empty, or as `data` has it, checked.

    Raises:
        NotAStoreError: `data` is none, or damaged.
        SQLITE_ERRORS: the same.
    """
    if data == b"":
        raise NotAStoreError("it is empty")
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.text_factory = _text
    try:
        if data is not None:
            connection.deserialize(data)
        _set(connection, *_CAUTIOUS)
        _check_pages(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def header_of(path: Path) -> Header:
    """What the store says of itself, whether it is open or not; takes no lock.

    A change of the slots that is not yet checkpointed is not seen.

    Raises:
        StoreCorruptError: not a store, or newer than we are.
        StoreFailedError: the disk refused.
    """
    _verify(path)
    # `immutable` reads past the lock of the daemon's own connection.
    how = "mode=ro&immutable=1"
    with _errors_of_opening(path), closing(_connected(path, how)) as connection:
        _set(connection, *_CAUTIOUS)
        return read_header(connection)


@contextmanager
def errors_of_running() -> Iterator[None]:
    """While the store is open, an error of SQLite means that the disk refused."""
    try:
        yield
    except SQLITE_ERRORS as exc:
        raise StoreFailedError(what=str(exc)) from exc


def sqlite_code(error: StoreFailedError) -> int:
    """The extended result code behind an error; SQLITE_ERROR where SQLite has none."""
    cause = error.__cause__
    return int(getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR))


def is_damage(error: StoreFailedError) -> bool:
    """Whether SQLite met what no store holds, and not a disk that refused."""
    is_of_sqlite = isinstance(error.__cause__, SQLITE_ERRORS)
    return is_of_sqlite and sqlite_code(error) & PRIMARY_CODE not in _BUSY | _DISK


@contextmanager
def _errors_of_opening(path: Path) -> Iterator[None]:
    try:
        yield
    except NotAStoreError as exc:
        raise StoreCorruptError(path=str(path), what=str(exc)) from exc
    except SQLITE_ERRORS as exc:
        code = getattr(exc, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & PRIMARY_CODE
        if code in _BUSY:
            raise LockedError(reason="another program has the store open") from exc
        if code in _DISK:
            raise StoreFailedError(what=f"{path}: {exc}") from exc
        # CORRUPT and NOTADB, and what a strange schema leads to, such as no table.
        raise StoreCorruptError(path=str(path), what=str(exc)) from exc


def _verify(path: Path) -> None:
    try:
        what = fault(path)
    except OSError as exc:
        unreadable = f"it cannot be read: {exc.strerror}"
        raise StoreCorruptError(path=str(path), what=unreadable) from exc
    if what is not None:
        raise StoreCorruptError(path=str(path), what=f"it {what}")


def _claim(path: Path) -> None:
    """Verify that the file is ours, and take away the rights of others."""
    _verify(path)
    try:
        # Mended, not refused: what others may have read is sealed.
        was = make_private(path)
    except OSError as exc:
        raise StoreFailedError(what=f"{path}: {exc.strerror}") from exc
    if was is not None:
        log.warning("store.mode.tightened was=%s", was)


def _connected(path: Path, how: str) -> sqlite3.Connection:
    # `mode=` without c: SQLite must never make a file, least of all with its mode.
    uri = f"{path.absolute().as_uri()}?{how}"
    connection = sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None)
    connection.text_factory = _text
    return connection


def _text(found: bytes) -> str:
    # A flipped bit in a text must not keep every other record from being read.
    return found.decode(errors="replace")


def _set(connection: sqlite3.Connection, *pragmas: str) -> None:
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")


def page_fault(connection: sqlite3.Connection) -> str | None:
    """What is wrong with the pages of the file, or None; reads all of it."""
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return None if found == "ok" else str(found)


def _check_pages(connection: sqlite3.Connection) -> None:
    found = page_fault(connection)
    if found is not None:
        raise NotAStoreError(found)


def _check_with_its_log(path: Path) -> None:
    """Look at a copy first where a crash has left a log.

    SQLite would write the log into a damaged file, and throw it away, before anybody
    could look at both.
    """
    log_file = path.with_name(path.name + "-wal")
    trial = path.with_name(path.name + ".trial")
    try:
        if log_file.stat().st_size == 0:
            return
        _copy(path, trial)
        _copy(log_file, trial.with_name(trial.name + "-wal"))
        with closing(_connected(trial, "mode=rw")) as connection:
            _set(connection, *_CAUTIOUS, *_DURABLE)
            read_header(connection)
            _check_pages(connection)
    except OSError as exc:
        # No log; or no room for a copy, and then there is nothing to be done.
        log.debug("store.trial.failed errno=%s", exc.errno)
    finally:
        for side in ("", "-wal", "-journal"):
            remove_leftover(trial.with_name(trial.name + side))


def _copy(path: Path, copy: Path) -> None:
    remove_leftover(copy)
    with (
        path.open("rb") as found,
        private_file(copy) as descriptor,
        open(descriptor, "wb", closefd=False) as made,
    ):
        shutil.copyfileobj(found, made)


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreFailedError(what="this file system cannot hold the store's log")
    # The lock is taken and the log made now, not at the first save.
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("COMMIT")
