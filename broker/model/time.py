"""Moments and spans. Knows no clock: every moment is an argument."""

from typing import NewType

import msgspec

Seconds = NewType("Seconds", float)
"""A span of time in seconds."""

UnixTime = NewType("UnixTime", float)
"""Seconds since 1970-01-01 UTC, as the wall clock says."""


# A struct, as are the few other values that every request makes: made in C, at a
# tenth of what a frozen dataclass costs.
class Instant(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One moment on two clocks.

    Attributes:
        wall: the wall clock; survives a restart, but may be moved.
        boot: seconds since boot, suspend included; cannot be moved, but starts
            again at every boot.
    """

    wall: UnixTime
    boot: Seconds
