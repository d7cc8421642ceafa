"""Starts the daemon when none runs. Imports little: `token` comes through here."""

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

from brokerd_client import BrokerClient, BrokerError
from brokerd_client.paths import find_socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

READY_SECONDS = 30
"""How long a daemon may take to open its store and listen."""

LARGEST_LOG = 1024 * 1024
"""Bytes; a larger log of a detached daemon is begun anew."""

FOLDERS = ("BROKERD_CONFIG_DIR", "BROKERD_STATE_DIR", "BROKERD_RUNTIME_DIR")
"""Variables that mean another daemon than the service manager's."""

# Meant for the service that this command may be run by, not for our daemon.
_NOT_OURS = (
    "LISTEN_FDNAMES",
    "LISTEN_FDS",
    "LISTEN_PID",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
)

_LONGEST_WORD = 65536
_LOOK_AGAIN_SECONDS = 0.05
_SOCKET_UNIT = "brokerd.socket"


def start_broker() -> None:
    """Start the daemon, by the service manager where the service is installed.

    Returns when it serves; also when another process was a moment faster.

    Raises:
        BrokerError: it does not start; the error is the daemon's own.
    """
    path, is_named = find_socket(None)
    if is_named:
        raise BrokerError(
            "broker_unreachable",
            f"nobody listens at {path}, which BROKERD_SOCKET names",
            "start a broker there, or unset BROKERD_SOCKET to use the usual one",
        )
    if not _has_own_folders() and _unit_is_installed() and _ask_systemd():
        return
    deadline = time.monotonic() + READY_SECONDS
    while True:
        document = _start_detached()
        if "code" not in document:
            return
        # Another process was faster, or the last daemon is just ending: look again.
        is_other = document["code"] == "already_running"
        if not is_other or document.get("socket") not in (None, path):
            raise _error(document)
        if _answers() or time.monotonic() > deadline:
            return
        time.sleep(_LOOK_AGAIN_SECONDS)


def _has_own_folders() -> bool:
    return any(os.environ.get(name) for name in FOLDERS)


def _unit_is_installed() -> bool:
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return (Path(base) / "systemd" / "user" / _SOCKET_UNIT).exists()


def _ask_systemd() -> bool:
    """Whether the user manager listens now; without one we start it ourselves."""
    try:
        done = subprocess.run(  # noqa: S603 - our own words, no shell
            ["systemctl", "--user", "start", _SOCKET_UNIT],  # noqa: S607 - on PATH
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=READY_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _start_detached() -> "Mapping[str, object]":
    """Start it in a session of its own; its first line says how that went."""
    log = _open_log()
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    try:
        command = [sys.executable, "-P", "-m", "broker", "--ready-fd", str(writing)]
        subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[writing],
            start_new_session=True,
            cwd="/",
            env=_environment(),
        )
    finally:
        os.close(log)
        os.close(writing)
    try:
        return _first_word(reading)
    finally:
        os.close(reading)


def _environment() -> dict[str, str]:
    """Ours, with folders that mean the same in the daemon's working directory."""
    own = {k: v for k, v in os.environ.items() if k not in _NOT_OURS}
    for name in (*FOLDERS, "HOME"):
        if own.get(name):
            own[name] = str(Path(own[name]).expanduser().absolute())
    return own


def _first_word(reading: int) -> "Mapping[str, object]":
    """What the daemon says of its start: one line of JSON, or nothing."""
    line, deadline = b"", time.monotonic() + READY_SECONDS
    while not line.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([reading], [], [], left)[0]:
            return _no_word(f"brokerd is not ready after {READY_SECONDS} seconds")
        more = os.read(reading, _LONGEST_WORD)
        if not more:
            return _no_word("brokerd ended as soon as it was started")
        line += more
    document: Mapping[str, object] = json.loads(line)
    return document


def _no_word(detail: str) -> "Mapping[str, object]":
    return {
        "code": "internal_error",
        "detail": detail,
        "hint": f"its log says why: {_log_path()}",
    }


def _error(document: "Mapping[str, object]") -> BrokerError:
    return BrokerError(
        str(document["code"]), str(document["detail"]), str(document["hint"])
    )


def _answers() -> bool:
    """Whether a daemon can be asked now; one that refuses can."""
    try:
        BrokerClient().status()
    except BrokerError as exc:
        return exc.code != "broker_unreachable"
    return True


def _open_log() -> int:
    """A descriptor of the log, 0600, in the state folder."""
    path = _log_path()
    _make_private(path.parent)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        log = os.open(path, flags, 0o600)
        if os.fstat(log).st_size > LARGEST_LOG:
            os.ftruncate(log, 0)
    except OSError as exc:
        raise BrokerError(
            "directory_unsafe",
            f"{path} cannot be written: {(exc.strerror or 'unknown').lower()}",
            "name a folder of your own with BROKERD_STATE_DIR",
        ) from exc
    return log


def _make_private(folder: Path) -> None:
    """As the daemon would make it: never in another user's home, as sudo may leave it.

    Raises:
        BrokerError: it cannot be, or is not the person's alone.
    """
    from broker.host.private import ensure_private_directory  # noqa: PLC0415 - rarely
    from broker.ipc.problems import problem  # noqa: PLC0415 - as above
    from broker.model.errors import DirectoryUnsafeError  # noqa: PLC0415 - as above

    try:
        ensure_private_directory(folder)
    except DirectoryUnsafeError as exc:
        raise _error(problem(exc)) from exc


def _log_path() -> Path:
    from broker.host.paths import state_directory  # noqa: PLC0415 - platformdirs

    return state_directory() / "brokerd.log"
