"""Moments and spans. Knows no clock: every moment is an argument."""

from dataclasses import dataclass
from typing import NewType

Seconds = NewType("Seconds", float)
"""A span of time in seconds."""

UnixTime = NewType("UnixTime", float)
"""Seconds since 1970-01-01 UTC, as the wall clock says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """One moment on two clocks.

    Attributes:
        wall: the wall clock; survives a restart, but may be moved.
        boot: seconds since boot, suspend included; cannot be moved, but starts
            again at every boot.
    """

    wall: UnixTime
    boot: Seconds
