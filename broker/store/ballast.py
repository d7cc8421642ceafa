"""Space kept for the day the disk is full: given up so that one more save fits.

Knows no store. A rotated refresh token that cannot be saved is lost with the process.
"""

import contextlib
import errno
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from broker.host.files import private_file, remove_leftover

log = logging.getLogger(__name__)

BALLAST_BYTES = 64 * 1024
"""A save writes a quarter of this."""

_ROOM = 4 * BALLAST_BYTES
"""Left free where the ballast is laid again: else it would fill the disk itself."""


class Ballast:
    """One file of no meaning, beside the store."""

    def __init__(self, path: Path, random: Callable[[int], bytes] = os.urandom) -> None:
        self._path = path
        # Random bytes: a file system that packs zeros would keep no space at all.
        self._random = random

    def lay(self) -> None:
        """Make it where it is missing and there is room; tried only."""
        if os.path.lexists(self._path):
            return
        temporary = self._path.with_name(self._path.name + ".new")
        try:
            if shutil.disk_usage(self._path.parent).free < _ROOM:
                return
            remove_leftover(temporary)
            with private_file(temporary) as descriptor:
                _write_all(descriptor, self._random(BALLAST_BYTES))
            temporary.rename(self._path)
        except OSError as exc:
            log.info("store.ballast.failed errno=%s", exc.errno)
            with contextlib.suppress(OSError):
                remove_leftover(temporary)

    def drop(self) -> bool:
        """Give its space up; whether there was any."""
        try:
            self._path.unlink()
        except OSError:
            return False
        log.warning("store.ballast.dropped")
        return True


def _write_all(descriptor: int, content: bytes) -> None:
    if os.write(descriptor, content) < len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
