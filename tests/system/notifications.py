"""Real notifications: dunst on a screen of the test's own, and a finger."""

import struct
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.system.desktop import Desktop
from tests.system.person import Person, own
from tests.system.waiting import wait_until

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


def photograph_screen(folder: Path, path: Path) -> None:
    """The upper right of the screen of an Xvfb with -fbdir, as PNG.

    Source: XWDFile.h of X11, version 7, as Xvfb writes it: 32 bits a pixel, BGRX.
    """
    data = (folder / "Xvfb_screen0").read_bytes()
    head = struct.unpack(">25I", data[:100])
    size, width, height, line, colors = head[0], head[4], head[5], head[12], head[19]
    pixels = data[size + colors * 12 :]
    top, left = height // 40, width * 2 // 5  # where dunst shows what it shows
    width, height = width - left, height * 3 // 8 - top
    begin = top * line + left * 4
    rows = b"".join(
        b"\0" + _rgb(pixels[at : at + width * 4])
        for at in range(begin, begin + height * line, line)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*one) for one in chunks))


def _rgb(line: bytes) -> bytes:
    found = bytearray(len(line) // 4 * 3)
    found[0::3], found[1::3], found[2::3] = line[2::4], line[1::4], line[0::4]
    return bytes(found)


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)
