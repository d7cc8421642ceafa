"""How a process of a POSIX system is closed to its neighbours."""

import ctypes
import os
import sys
from typing import TYPE_CHECKING

from broker.model.errors import NotPermittedError

assert sys.platform != "win32"  # noqa: S101 - tells mypy, too

import resource  # noqa: E402 - Windows has none

if TYPE_CHECKING:
    from broker.model.premises import ProcessFacts

_LINUX_PR_SET_DUMPABLE = 4
_DARWIN_PT_DENY_ATTACH = 31
_DARWIN_OPEN_MAX = 10_240
"""setrlimit(2) on macOS refuses more, though it reports no limit."""

_LINUX_PR_GET_DUMPABLE = 3

PRIVATE_UMASK = 0o077


def harden() -> None:
    """Close this process to its neighbours; the first thing the daemon does.

    Raises:
        NotPermittedError: it runs set-uid or set-gid; the broker serves the user
            who starts it and trusts that user's environment.
    """
    if os.getuid() != os.geteuid() or os.getgid() != os.getegid():
        raise NotPermittedError(what="run the broker set-uid or set-gid")
    os.umask(PRIVATE_UMASK)
    _forbid_tracing()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _raise_open_files()


def process_facts() -> "ProcessFacts":
    """How closed this process is now."""
    from broker.model.premises import ProcessFacts  # noqa: PLC0415 - for doctor alone

    is_traceable = None  # macOS does not say
    if sys.platform != "darwin":
        libc = ctypes.CDLL(None)
        is_traceable = libc.prctl(_LINUX_PR_GET_DUMPABLE, 0, 0, 0, 0) != 0
    core, _ = resource.getrlimit(resource.RLIMIT_CORE)
    return ProcessFacts(is_traceable=is_traceable, core_bytes=core)


def _forbid_tracing() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        # Fails only where a tracer is there already: the person's own debugger.
        libc.ptrace(_DARWIN_PT_DENY_ATTACH, 0, None, 0)
    elif libc.prctl(_LINUX_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _raise_open_files() -> None:
    """Raise the soft limit, usually 1024, to the hard one: a connection is a file."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = min(hard, _DARWIN_OPEN_MAX) if sys.platform == "darwin" else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
