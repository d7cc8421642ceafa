"""Real notifications on a screen of the test's own, a finger and a camera."""

import json
import struct
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.system.desktop import Desktop
from tests.system.person import Person, own
from tests.system.waiting import wait_until

NAME = "org.freedesktop.Notifications"
NOTIFICATION_DAEMON = "/usr/lib/notification-daemon/notification-daemon"

_SETTINGS = """[global]
    dmenu = {menu}
    markup = full
    format = "<b>%s</b>\\n%b"
    font = DejaVu Sans 11
    width = 640
    height = 480
    offset = 30x30
    padding = 14
    horizontal_padding = 14
    frame_width = 1
    show_indicators = no
    mouse_left_click = do_action
[urgency_critical]
    timeout = 600
"""


@dataclass(frozen=True)
class Dunst:
    """The notification daemon of a person's session."""

    person: Person
    menu: Path

    def shown(self) -> int:
        """How many are on the screen."""
        said = self.person.run("dunstctl", "count", "displayed")
        return int(said.output or 0)

    def press(self, label: str) -> None:
        """Choose a button of the newest: dunst shows them as a menu."""
        self.menu.write_text(f"#!/bin/sh\ngrep -m 1 -F '{label}'\n")
        said = self.person.run("dunstctl", "context")
        assert said.status == 0, said

    def history(self) -> list[dict[str, object]]:
        """What was closed, as it was sent: the newest first."""
        said = self.person.run("dunstctl", "history")
        (found,) = json.loads(said.output)["data"]
        return [{name: of["data"] for name, of in one.items()} for one in found]

    def close(self) -> None:
        """Wipe the newest away, as a person does who is busy."""
        assert self.person.run("dunstctl", "close").status == 0


@contextmanager
def dunst(person: Person, desk: Desktop) -> Iterator[Dunst]:
    """Dunst on that screen and on the D-Bus of the person's session."""
    menu, settings = person.home / "menu", person.home / "dunstrc"
    menu.write_text("#!/bin/sh\n")
    menu.chmod(0o755)
    settings.write_text(_SETTINGS.format(menu=menu))
    for path in (menu, settings):
        own(path)
    person.session["DISPLAY"] = desk.display
    process = person.start("dunst", "-conf", str(settings), stderr=subprocess.DEVNULL)
    found = Dunst(person, menu)
    try:
        wait_until(
            lambda: person.run("dunstctl", "is-paused").status == 0, "dunst is there"
        )
        yield found
    finally:
        del person.session["DISPLAY"]
        process.terminate()
        process.communicate()


@contextmanager
def notification_daemon(person: Person, desk: Desktop) -> Iterator[None]:
    """One with buttons to look at: what GNOME had."""
    person.session["DISPLAY"] = desk.display
    process = person.start(NOTIFICATION_DAEMON, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _is_there(person), "somebody shows notifications")
        yield
    finally:
        del person.session["DISPLAY"]
        process.terminate()
        process.communicate()


def _is_there(person: Person) -> bool:
    where = ("--dest=org.freedesktop.DBus", "/org/freedesktop/DBus")
    asked = ("org.freedesktop.DBus.NameHasOwner", f"string:{NAME}")
    said = person.run("dbus-send", "--session", "--print-reply", *where, *asked)
    return "true" in said.output


class Box(NamedTuple):
    """A part of a screen, in pixels."""

    left: int
    top: int
    width: int
    height: int


OF_DUNST = Box(512, 20, 768, 330)
OF_NOTIFICATION_DAEMON = Box(868, 0, 412, 396)


def await_picture(folder: Path, box: Box) -> None:
    """Return when something is shown there, whole: it comes up line by line."""
    seen = [b""]

    def is_whole() -> bool:
        seen.append(_rows(folder, box))
        return any(seen[-1]) and seen[-1] == seen[-2]

    wait_until(is_whole, "it is on the screen")


def photograph_screen(folder: Path, path: Path, box: Box = OF_DUNST) -> None:
    """A part of the screen of an Xvfb with -fbdir, as PNG."""
    header = struct.pack(">IIBBBBB", box.width, box.height, 8, 2, 0, 0, 0)
    content = zlib.compress(_rows(folder, box), 9)
    chunks = ((b"IHDR", header), (b"IDAT", content), (b"IEND", b""))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*one) for one in chunks))


def _rows(folder: Path, box: Box) -> bytes:
    """The pixels as PNG has them, a zero before each line.

    Source: XWDFile.h of X11, version 7, as Xvfb writes it: 32 bits a pixel, BGRX.
    """
    data = (folder / "Xvfb_screen0").read_bytes()
    head = struct.unpack(">25I", data[:100])
    size, line, colors = head[0], head[12], head[19]
    begin = size + colors * 12 + box.top * line + box.left * 4
    return b"".join(
        b"\0" + _rgb(data[at : at + box.width * 4])
        for at in range(begin, begin + box.height * line, line)
    )


def _rgb(line: bytes) -> bytes:
    found = bytearray(len(line) // 4 * 3)
    found[0::3], found[1::3], found[2::3] = line[2::4], line[1::4], line[0::4]
    return bytes(found)


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)
