"""Starts the daemon when none runs. Imports little: `token` comes through here."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from brokerd_client import BrokerClient, BrokerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

READY_SECONDS = 30
"""How long a daemon may take to open its store and listen."""

LARGEST_LOG = 1024 * 1024
"""Bytes; a larger log of a detached daemon is begun anew."""

_LOOK_AGAIN_SECONDS = 0.05
_SOCKET_UNIT = "brokerd.socket"


def start_broker() -> None:
    """Start the daemon, by the service manager where the service is installed.

    Returns when it serves; also when another process was a moment faster.

    Raises:
        BrokerError: it does not start; the error is the daemon's own.
    """
    if _unit_is_installed() and _ask_systemd():
        return
    document = _start_detached()
    if document.get("code") == "already_running":
        _wait_for_the_other()
    elif "code" in document:
        raise _error(document)


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
        )
    finally:
        os.close(log)
        os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        line = answer.readline()
    if not line:
        return _ended_at_once()
    document: Mapping[str, object] = json.loads(line)
    return document


def _ended_at_once() -> "Mapping[str, object]":
    return {
        "code": "internal_error",
        "detail": "brokerd ended as soon as it was started",
        "hint": f"its log says why: {_log_path()}",
    }


def _error(document: "Mapping[str, object]") -> BrokerError:
    return BrokerError(
        str(document["code"]), str(document["detail"]), str(document["hint"])
    )


def _wait_for_the_other() -> None:
    """Another process started it at the same moment, and it is about to listen."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            BrokerClient().status()
        except BrokerError as exc:
            if exc.code != "broker_unreachable" or time.monotonic() > deadline:
                raise
        else:
            return
        time.sleep(_LOOK_AGAIN_SECONDS)


def _open_log() -> int:
    """A descriptor of the log, 0600, in the state folder."""
    path = _log_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    log = os.open(path, flags, 0o600)
    with contextlib.suppress(OSError):
        if os.fstat(log).st_size > LARGEST_LOG:
            os.ftruncate(log, 0)
    return log


def _log_path() -> Path:
    from broker.host.paths import state_directory  # noqa: PLC0415 - platformdirs

    return state_directory() / "brokerd.log"
