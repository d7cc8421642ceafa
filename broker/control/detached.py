"""Ends a daemon that no service manager looks after. Knows no service manager."""

import os
import time
from contextlib import suppress
from pathlib import Path

from broker.control.service_calls import ServiceError
from brokerd_client import BrokerClient, BrokerError

STOP_SECONDS = 40
"""A daemon finishes a refresh under way before it ends."""

_LOOK_AGAIN_SECONDS = 0.02


def stop_detached() -> bool:
    """Stop the daemon and see its process gone.

    Its end is awaited because on its way out it removes the socket file, which
    must not be the one that a service manager has made in the meantime.

    Returns:
        Whether there was one.

    Raises:
        BrokerError: it cannot be asked, or it does not go.
    """
    client = BrokerClient()
    try:
        pid = _pid(client.status())
    except BrokerError as exc:
        if exc.facts.get("cause") != "not_running":
            raise
        return False
    client.call("POST", "/v1/stop")
    deadline = time.monotonic() + STOP_SECONDS
    while _is_alive(pid):
        if time.monotonic() > deadline:
            raise ServiceError(
                f"the daemon that runs already (pid {pid}) does not end",
                "end it yourself, then try again",
            )
        time.sleep(_LOOK_AGAIN_SECONDS)
    return True


def _pid(status: object) -> int:
    pid = status.get("pid") if isinstance(status, dict) else None
    if not isinstance(pid, int) or pid <= 0:
        raise ServiceError(
            "what answers on the socket is not brokerd", "see who listens there"
        )
    return pid


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # In a container without an init nobody reaps what has ended (proc_pid_stat(5)).
    with suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        return not state.rpartition(")")[2].startswith(" Z")
    return True
