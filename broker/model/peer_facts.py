"""What can be known of the program at the other end of a socket, and how surely.

Labels for rules, questions and the audit, never a wall. Two programs of one user can
imitate each other: one connects, keeps the socket open in a helper, and executes a
program that is trusted, and what is looked up from then on is that program's. Only the
uid is a boundary. Facts: connect-then-exec and a move to another unit's cgroup were
both done on a real machine.
"""

from enum import Enum

import msgspec

from broker.model.text import safe_name


class Certainty(Enum):
    """How sure a value is; the value is its name on the wire."""

    FACT = "fact"
    """The kernel's own, and no program of the same user can change it."""
    CLAIM = "claim"
    """The kernel's word on what the program had itself arranged, or could have."""
    GUESS = "guess"
    """The program's own word, which it writes where it likes."""


class Known(msgspec.Struct, frozen=True, omit_defaults=True):
    """One value, made safe to show, and how sure it is.

    Attributes:
        is_whole: whether that left it as it was; else two may have become one.
    """

    value: str
    certainty: Certainty
    is_whole: bool = True


def known(value: str | None, certainty: Certainty) -> Known | None:
    """What a system tells, as it can be shown; None where it tells nothing."""
    if not value:
        return None
    shown = safe_name(value)
    return Known(shown, certainty, is_whole=shown == value)


class PeerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, as far as this system tells; None is what it does not tell.

    Attributes:
        uid: always a fact. 65534 may be a user that our own user namespace lacks.
        pid: a fact where the kernel gave a pidfd of who connected: the process is
            held by it, and lives. A claim where it was looked up by its number.
        started: since the boot, in the system's own unit (Linux: clock ticks; macOS:
            microseconds since 1970). With the pid it names one process for good.
        session_started: when the process that leads its session started, in the same
            unit; by it one use of a terminal is told from the next. None where that
            process has ended.
        executable: the file that runs now, a claim: anybody may execute it.
        command: the name that the process gives itself, a claim.
        unit: the systemd unit, a claim: within the user's own part of the tree any
            program of that user may move itself.
        flatpak: the application's id, a claim, as `unit`. A program that is confined
            cannot take it off, so a rule that denies it holds for those; one that is
            not confined can put it on.
        snap: 'NAME.APP', a claim, with the same limits.
        tty: 'pts/3', a claim: a program chooses its terminal among those of its user.
        script: what an interpreter runs, a guess out of its command line.
        has_exited: the process is gone. Its number may be another's by now, so
            nothing but the uid and the number is told.
    """

    uid: int
    pid: int | None = None
    pid_certainty: Certainty = Certainty.CLAIM
    started: int | None = None
    session_started: int | None = None
    executable: Known | None = None
    command: Known | None = None
    unit: Known | None = None
    flatpak: Known | None = None
    snap: Known | None = None
    tty: Known | None = None
    script: Known | None = None
    has_exited: bool = False

    @property
    def label(self) -> str:
        """The shortest name that people know it by; 'uid 1000' where there is none."""
        known = self.script or self.executable or self.command
        name = f"uid {self.uid}" if known is None else known.value.rpartition("/")[2]
        return f"{name} (exited)" if self.has_exited else name


NAMES = ("executable", "command", "unit", "flatpak", "snap", "tty", "script")
"""Those facts that are `Known`, in the order in which people are shown them."""
