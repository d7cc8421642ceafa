"""A file that the person writes and the daemon believes. Knows not what is in it."""

import os
import stat
from pathlib import Path

from broker.model.errors import ConfigError

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_LARGEST_BYTES = 1024 * 1024


def read_persons_file(path: Path) -> str | None:
    """The text of the file, or None where there is none.

    Whoever writes it could send refresh tokens through a proxy with a certificate of
    his own. So it must be the person's, or root's, and nobody else may write it. The
    open file is looked at, not its name: links into a folder of dotfiles are common.
    Who may only write the folder can put no file of the person's there.

    Raises:
        ConfigError: it cannot be read, is no plain file or too large, is not UTF-8,
            or others can write it.
    """
    try:
        # Nonblocking: a named pipe that nobody writes would hold the daemon up.
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise ConfigError(
            path=str(path), what=f"it cannot be read: {exc.strerror}"
        ) from exc
    fault = _fault(os.fstat(number))
    if fault is not None:
        os.close(number)
        raise ConfigError(path=str(path), what=fault)
    with open(number, "rb") as opened:  # noqa: PTH123 - a descriptor, not a path
        try:
            return opened.read(_LARGEST_BYTES).decode("utf-8")
        except UnicodeDecodeError:
            raise ConfigError(path=str(path), what="it is not UTF-8") from None


def _fault(found: os.stat_result) -> str | None:
    if not stat.S_ISREG(found.st_mode):
        return "it is not a file"
    if found.st_size > _LARGEST_BYTES:
        return f"it has over {_LARGEST_BYTES} bytes"
    # Windows has neither: there the folder of the profile is the person's alone.
    if os.name != "posix":
        return None
    if found.st_uid not in {0, os.geteuid()}:
        return f"it belongs to user {found.st_uid}, not to {os.geteuid()}"
    if found.st_mode & _WRITABLE_BY_OTHERS:
        mode = stat.S_IMODE(found.st_mode)
        return f"others can write it (mode {mode:04o}); `chmod go-w` it"
    return None
