"""Told by the kernel when a name in a folder goes. Knows not what the names mean.

Without it a daemon would have to wake up and look, again and again, whether its
socket is still there. Linux only; elsewhere nobody is told.

Source: inotify(7).
"""

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path

_IN_MOVED_FROM = 0x40
_IN_DELETE = 0x200
_IN_DELETE_SELF = 0x400
_IN_MOVE_SELF = 0x800
_GONE = _IN_MOVED_FROM | _IN_DELETE | _IN_DELETE_SELF | _IN_MOVE_SELF

_EVENTS_BYTES = 65536


def watch(folders: Iterable[Path]) -> int | None:
    """A descriptor that can be read when a name in one of the folders has gone.

    None where the system has no such thing, or has none left.
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0:
        return None
    for folder in folders:
        libc.inotify_add_watch(descriptor, os.fsencode(folder), _GONE)
    return descriptor


def forget_events(descriptor: int) -> None:
    """Read away what has happened; the names themselves say how things are now."""
    os.read(descriptor, _EVENTS_BYTES)
