"""Folders that are the person's alone. Knows no sockets and no store."""

import os
from pathlib import Path

from broker.host.files import (
    belongs_to_stranger,
    folder_fault,
    make_private_folder,
)
from broker.model.errors import DirectoryUnsafeError


def ensure_private_directory(path: Path) -> None:
    """Make the folder where it is missing, parents too, and verify what is there.

    An unsafe folder is refused, never mended: a chmod after the fact would hide
    that somebody could have put files there before.

    Raises:
        DirectoryUnsafeError: it cannot be made, or only in a folder of another user
            (as under sudo, with HOME as it was); it is a symbolic link or no folder,
            belongs to another user, or group or others may enter it.
    """
    try:
        _make(_missing(path))
        fault = folder_fault(path)
    except OSError as exc:
        raise DirectoryUnsafeError(
            path=str(path), what=f"cannot be made: {exc.strerror}"
        ) from exc
    if fault is not None:
        raise DirectoryUnsafeError(path=str(path), what=fault)


def _make(missing: list[Path]) -> None:
    if not missing:
        return
    parent = missing[-1].parent
    if belongs_to_stranger(parent):
        raise DirectoryUnsafeError(path=str(parent), what="belongs to another user")
    for folder in reversed(missing):
        make_private_folder(folder)


def _missing(path: Path) -> list[Path]:
    missing = []
    for folder in (path, *path.parents):
        if os.path.lexists(folder):
            break
        missing.append(folder)
    return missing
