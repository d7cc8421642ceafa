"""Takes the plaintext copy of a sign-in away, and nothing else that a file holds."""

import os
import secrets
from contextlib import closing
from pathlib import Path

from broker.control.foreign.found import ForeignFileError, Found
from broker.control.foreign.gcloud import bound
from broker.control.foreign.marked import without_lines
from broker.control.foreign.reading import ForeignFile, read_file


def is_removable(file: ForeignFile, taken: tuple[Found, ...]) -> bool:
    """Whether the copy can be cut out without anything else going with it."""
    if file.tool.database or all(found.lines is not None for found in taken):
        return True
    return len(file.found) == len(taken)


def remove(file: ForeignFile, taken: tuple[Found, ...]) -> None:
    """Delete the file, or cut out of it what was taken over.

    Raises:
        ForeignFileError: it has changed since it was read, or cannot be written;
            it is as it was.
    """
    import sqlite3  # noqa: PLC0415 - every other command starts without it

    _require_unchanged(file)
    lines = frozenset(n for found in taken for n in found.lines or ())
    try:
        if file.tool.database:
            _delete_rows(file.path, tuple(found.label for found in taken))
        elif lines:
            data = file.data.reveal().encode("latin-1")
            _rewrite(file.path, without_lines(data, lines))
        else:
            file.path.unlink()
    except OSError as exc:
        reason = (exc.strerror or "unknown").lower()
        raise ForeignFileError(f"cannot be changed: {reason}") from None
    except sqlite3.Error:
        raise ForeignFileError("cannot be changed: is its tool running?") from None


def _require_unchanged(file: ForeignFile) -> None:
    """A tool that still runs may have written it since, a new token with it."""
    now = read_file(file.path, (file.tool,), None)
    if now.data != file.data:
        raise ForeignFileError("has changed meanwhile: is its tool still running?")


def _rewrite(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    mode = path.stat().st_mode & 0o777
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL  # which follows no link
    try:
        with os.fdopen(os.open(temporary, flags, mode & 0o600), "wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(opened.fileno())
        temporary.chmod(mode)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _delete_rows(path: Path, addresses: tuple[str, ...]) -> None:
    import sqlite3  # noqa: PLC0415 - as above

    with closing(sqlite3.connect(path, timeout=5)) as database:
        bound(database)
        # Else the token would go on lying in a page that is free.
        database.execute("PRAGMA secure_delete = ON")
        with database:
            for address in addresses:
                database.execute(
                    "DELETE FROM credentials WHERE account_id = ?1"
                    " OR substr(account_id, 1, length(?1) + 1) = ?1 || '#'",
                    (address,),
                )
