"""What `doctor` found: one thing that was looked at, and how it is."""

from enum import Enum

import msgspec


class Level(Enum):
    """How it is; the value is the word on the wire."""

    OK = "ok"
    WARNING = "warning"
    """It works, and could be better or soon be worse."""
    ERROR = "error"
    """Something is lost, in danger, or open to others."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at.

    Attributes:
        check: what, such as 'state-folder'; several findings may be of one check.
        level: how it is.
        what: that in words, one sentence.
        hint: what to do next, or None.
    """

    check: str
    level: Level
    what: str
    hint: str | None = None


def worst(findings: tuple[Finding, ...]) -> Level:
    """The level of the worst of them."""
    levels = {finding.level for finding in findings}
    for level in (Level.ERROR, Level.WARNING):
        if level in levels:
            return level
    return Level.OK
