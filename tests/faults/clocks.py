"""Daemons whose clocks a test moves: the wall clock, the boot clock, or the boot."""

import pwd
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from tests.system.person import USER, Person

_SHIM = Path(__file__).parent / "suspend.c"


@dataclass(frozen=True)
class Clock:
    """One clock of a daemon.

    Attributes:
        person: whose daemon has this clock, when they start it.
    """

    person: Person
    file: Path

    def throw(self, seconds: int) -> None:
        """Let it be `seconds` ahead of the machine's, from now on."""
        # At one stroke: the daemon reads the file whenever it looks at the clock.
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.rename(self.file)


def wall_clock(person: Person) -> Clock:
    """The wall clock alone, by libfaketime."""
    found = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
    file = person.home.parent / "wall"
    return _clock(
        person,
        file,
        LD_PRELOAD=str(next(found)),
        FAKETIME_TIMESTAMP_FILE=str(file),
        FAKETIME_NO_CACHE="1",
        DONT_FAKE_MONOTONIC="1",
    )


def boot_clock(person: Person) -> Clock:
    """The boot clock alone, by a shim of ours: what a suspend does to timers."""
    shim = person.home.parent / "suspend.so"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", shim, _SHIM], check=True
    )
    file = person.home.parent / "boot"
    return _clock(person, file, LD_PRELOAD=str(shim), SUSPENDED_SECONDS=str(file))


def on_another_boot(person: Person, seconds: int) -> Person:
    """The same person on a machine that was booted `seconds` earlier."""
    uid = str(pwd.getpwnam(USER).pw_uid)
    return replace(
        person,
        wrapper=[
            *("unshare", "--time", "--boottime", str(seconds)),
            *("setpriv", f"--reuid={uid}", f"--regid={uid}", "--init-groups"),
            # Last: what libfaketime makes for itself as root, the user cannot open.
            *("env", *(f"{name}={value}" for name, value in person.session.items())),
        ],
        session={},
    )


def _clock(person: Person, file: Path, **session: str) -> Clock:
    clock = Clock(replace(person, session=session), file)
    clock.throw(0)
    return clock
