"""What is read off the texts of Linux's /proc, all of them in a peer's own hand. Pure.

Source: proc(5); sd_pid_get_user_unit(3) on which part of a cgroup is the unit;
linux/major.h on terminals.
"""

import os
import re
from typing import NamedTuple

_TTY_MAJOR = 4
_FIRST_SERIAL_MINOR = 64
_PTS_MAJORS = range(136, 144)
_MINORS_OF_A_MAJOR = 256

_INTERPRETER = re.compile(
    r"(python|pypy|ruby|perl|php|node|nodejs|lua|tclsh|wish)[0-9.]*"
    r"|(ba|da|z|k|mk|fi|c|tc|ya)?sh|busybox|deno|bun|guile|osascript|java"
)
_TAKES_AN_ARGUMENT = frozenset({"-W", "-X", "-o", "-O", "-r", "-I", "-L", "-cp"})
_GIVES_THE_PROGRAM = re.compile(
    r"-[A-Za-z]*[ceEp]|--(eval|print|command)(=.*)?", re.DOTALL
)


class Stat(NamedTuple):
    """Of /proc/PID/stat: the name, ticks from boot to start, session and terminal."""

    command: str
    started: int
    session: int
    tty: str | None


def parse_stat(line: bytes) -> Stat | None:
    """The line, or None where it is none: the name may hold any byte, brackets too."""
    name, _, rest = line.partition(b"(")[2].rpartition(b") ")
    fields = rest.split()
    try:
        return Stat(
            command=os.fsdecode(name),
            started=int(fields[19]),
            session=int(fields[3]),
            tty=_tty(int(fields[4])),
        )
    except (IndexError, ValueError):
        return None


def _tty(device: int) -> str | None:
    if device == 0:
        return None
    major = (device >> 8) & 0xFFF
    minor = (device & 0xFF) | ((device >> 12) & 0xFFF00)
    if major in _PTS_MAJORS:
        return f"pts/{(major - _PTS_MAJORS[0]) * _MINORS_OF_A_MAJOR + minor}"
    if major == _TTY_MAJOR and minor < _FIRST_SERIAL_MINOR:
        return f"tty{minor}"
    if major == _TTY_MAJOR:
        return f"ttyS{minor - _FIRST_SERIAL_MINOR}"
    return f"{major}:{minor}"


def unit_of(cgroup: str) -> str | None:
    """The systemd unit, the user's own before the machine's, or None without one.

    Args:
        cgroup: /proc/PID/cgroup, of lines '0::/user.slice/…/app.slice/x.service'.
    """
    path = ""
    for line in cgroup.split("\n"):
        number, _, rest = line.partition(":")
        controllers, _, found = rest.partition(":")
        if controllers == "name=systemd" or (number == "0" and not path):
            path = found
    units = [part for part in path.split("/") if part.endswith((".service", ".scope"))]
    if units and units[0].startswith("user@") and units[1:]:
        units = units[1:]
    # What could be taken for a file of the kernel's is written with a bar before it.
    return units[0].removeprefix("_") if units else None


def flatpak_of(unit: str | None) -> str | None:
    """The id in 'app-flatpak-org.example.App-1234.scope'."""
    found = re.fullmatch(r"app-flatpak-(.+?)(-\d+)?\.scope", unit or "")
    return _unescaped(found[1]) if found else None


def snap_of_unit(unit: str | None) -> str | None:
    """'NAME.APP' out of 'snap.NAME.APP-UUID.scope' or 'snap.NAME.APP.service'."""
    pattern = r"snap\.([^.]+\.[^.]+?)(-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?"
    found = re.fullmatch(pattern + r"\.(scope|service)", unit or "")
    return _unescaped(found[1]) if found else None


def snap_of_label(label: str) -> str | None:
    """'NAME.APP' out of AppArmor's 'snap.NAME.APP (enforce)'."""
    profile, _, mode = label.partition(" ")
    is_snap = profile.startswith("snap.") and mode.startswith("(enforce)")
    return profile.removeprefix("snap.") if is_snap else None


def _unescaped(text: str) -> str:
    r"""Systemd writes a hyphen within a name as \x2d."""
    return re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m[1], 16)), text)


def executable_of(link: str) -> str:
    """The path of a program, as it was when it began.

    An upgrade takes away the file of a program that runs, and the kernel says so behind
    its name; rules and answers about the program are about that name still.
    """
    return link.removesuffix(" (deleted)")


def is_interpreter(executable: str | None) -> bool:
    """Whether what matters is not this program, but what it was told to run."""
    name = (executable or "").rpartition("/")[2]
    return _INTERPRETER.fullmatch(name) is not None


def script_of(cmdline: bytes) -> str | None:
    """What an interpreter seems to run: a file, or '-m module'; else None.

    Where the program stands in the command line itself it is not shown: it may hold
    a secret.
    """
    words = iter([os.fsdecode(word) for word in cmdline.split(b"\0")[1:]])
    for word in words:
        if _GIVES_THE_PROGRAM.fullmatch(word):
            return None
        if word in {"-m", "-jar"}:
            return f"{word} {next(words, '')}"
        if word in _TAKES_AN_ARGUMENT:
            next(words, None)
        elif word and not word.startswith("-"):
            return word
    return None
