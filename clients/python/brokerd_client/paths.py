"""Where the broker's socket lies. The daemon computes it with this same code.

Looks at the environment and at `/run/user`; creates nothing and trusts nothing:
whoever is about to use a folder verifies it first.
"""

from __future__ import annotations

import os
import stat
import sys

TYPE_CHECKING = False  # see errors.py
if TYPE_CHECKING:
    from pathlib import Path

_NAME = "brokerd"
_SOCKET = "broker.sock"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def runtime_directory() -> Path:
    """The folder of the socket: a name, which need not exist yet.

    The first of: `BROKERD_RUNTIME_DIR`; `$XDG_RUNTIME_DIR/brokerd`;
    `/run/user/UID/brokerd`, where that `/run/user/UID` is ours and 0700; `run` in
    the state folder. Never a folder in `/tmp`, where others could be first, and
    not macOS's runtime folder, which the system cleans.
    """
    from pathlib import Path  # noqa: PLC0415 - 5 ms that `token` does not need

    return Path(_runtime_directory())


def socket_path() -> Path:
    """The socket that a client uses: `BROKERD_SOCKET`, else the default one."""
    from pathlib import Path  # noqa: PLC0415 - as above

    return Path(find_socket(None)[0])


def find_socket(address: str | os.PathLike[str] | None) -> tuple[str, bool]:
    """The absolute path of the socket, and whether someone named it.

    A path that was named, by `address` or by `BROKERD_SOCKET`, is checked by other
    rules than the default one (see `trust`).
    """
    named = os.fspath(address) if address is not None else ""
    named = named or os.environ.get("BROKERD_SOCKET", "")
    if named:
        return _absolute(named), True
    return os.path.join(_runtime_directory(), _SOCKET), False  # noqa: PTH118 - as above


def _runtime_directory() -> str:
    own = os.environ.get("BROKERD_RUNTIME_DIR")
    if own:
        return _absolute(own)
    base = _xdg("XDG_RUNTIME_DIR") or _run_user()
    if base:
        return f"{base}/{_NAME}"
    return f"{_state_directory()}/run"


def _run_user() -> str | None:
    """`/run/user/UID`, where it is a folder of ours that is closed to others.

    It outlives the environment: cron and sudo drop `XDG_RUNTIME_DIR`.
    """
    if sys.platform != "linux":
        return None
    path = f"/run/user/{os.geteuid()}"
    try:
        found = os.lstat(path)
    except OSError:
        return None
    private = stat.S_ISDIR(found.st_mode) and not found.st_mode & _OTHERS
    return path if private and found.st_uid == os.geteuid() else None


def _state_directory() -> str:
    own = os.environ.get("BROKERD_STATE_DIR")
    if own:
        return _absolute(own)
    home = _absolute("~")
    if sys.platform == "darwin":
        default = f"{home}/Library/Application Support"
    else:
        default = f"{home}/.local/state"
    return f"{_xdg('XDG_STATE_HOME') or default}/{_NAME}"


def _xdg(variable: str) -> str | None:
    """An XDG folder; a relative one is to be ignored (XDG base directories 0.8)."""
    value = os.environ.get(variable, "")
    return value.rstrip("/") if value.startswith("/") and value.strip("/") else None


def _absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 - pathlib is 5 ms
