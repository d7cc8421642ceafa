"""Folders that are the person's alone. Knows no sockets and no store."""

import os
import stat
from pathlib import Path

from broker.model.errors import DirectoryUnsafeError

PRIVATE_DIRECTORY_MODE = 0o700
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def ensure_private_directory(path: Path) -> None:
    """Make the folder where it is missing, parents too, and verify what is there.

    An unsafe folder is refused, never mended: a chmod after the fact would hide
    that somebody could have put files there before.

    Raises:
        DirectoryUnsafeError: it cannot be made, is a symbolic link or no folder,
            belongs to another user, or group or others may enter it.
    """
    try:
        for missing in reversed(_missing(path)):
            # Made with its mode, not changed afterwards: no moment to slip in.
            missing.mkdir(PRIVATE_DIRECTORY_MODE, exist_ok=True)
        # lstat: what a link points to says nothing of who may move the link.
        found = path.lstat()
    except OSError as exc:
        raise DirectoryUnsafeError(
            path=str(path), what=f"cannot be made: {exc.strerror}"
        ) from exc
    fault = _fault(found)
    if fault is not None:
        raise DirectoryUnsafeError(path=str(path), what=fault)


def _missing(path: Path) -> list[Path]:
    missing = []
    for folder in (path, *path.parents):
        if os.path.lexists(folder):
            break
        missing.append(folder)
    return missing


def _fault(found: os.stat_result) -> str | None:
    if stat.S_ISLNK(found.st_mode):
        return "is a symbolic link"
    if not stat.S_ISDIR(found.st_mode):
        return "is not a folder"
    if found.st_uid != os.geteuid():
        return f"belongs to user {found.st_uid}, not to {os.geteuid()}"
    if found.st_mode & _OTHERS:
        return f"is open to other users (mode {stat.S_IMODE(found.st_mode):04o})"
    return None
