"""Waits for what another process or the world's own clock brings about."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 30.0
"""Longer than anything awaited here takes on a slow machine."""


def wait_until(
    holds: Callable[[], bool], what: str, patience: float = PATIENCE_SECONDS
) -> None:
    """Return as soon as `holds()`; fail, naming `what`, when patience ends.

    `patience` is in seconds.

    Nothing tells a test that a token has expired or a socket file is there: one
    has to look. How soon it comes is never asserted.
    """
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, f"never came true: {what}"
        time.sleep(0.05)
