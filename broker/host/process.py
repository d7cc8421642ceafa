"""This process: what others may see of it, and what it may use. Knows no secrets.

What this promises: not dumped to disk, not read by another program of the same
user through ptrace or /proc. Not promised: that freed secrets are erased.
"""

import ctypes
import os
import resource
import sys
from collections.abc import MutableMapping

from broker.model.errors import NotPermittedError

_LINUX_PR_SET_DUMPABLE = 4
_DARWIN_PT_DENY_ATTACH = 31
_DARWIN_OPEN_MAX = 10_240
"""setrlimit(2) on macOS refuses more, though it reports no limit."""

PRIVATE_UMASK = 0o077

_MISLEADING_PREFIX = "OAUTHLIB_"
"""OAUTHLIB_INSECURE_TRANSPORT and its like switch oauthlib's checks off."""

_MISLEADING = frozenset(
    {
        "SSLKEYLOGFILE",  # Python writes every TLS session's keys there
        "BROWSER",  # a command line; the daemon starts no process
    }
)


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


def scrub_environment(environ: MutableMapping[str, str]) -> tuple[str, ...]:
    """Remove the variables that would weaken the daemon; returns their names."""
    misleading = tuple(
        sorted(
            name
            for name in environ
            if name in _MISLEADING or name.startswith(_MISLEADING_PREFIX)
        )
    )
    for name in misleading:
        del environ[name]
    return misleading
