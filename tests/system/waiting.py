"""Waits for what another process or the world's own clock brings about."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 30.0
"""Longer than anything awaited here takes on a slow machine."""


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Return as soon as `holds()`; fail, naming `what`, when patience ends.

    Nothing tells a test that a token has expired or a socket file is there: one
    has to look. How soon it comes is never asserted.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"never came true: {what}"
        time.sleep(0.05)
