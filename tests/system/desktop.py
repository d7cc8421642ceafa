"""A desktop of its own for a test: Xvfb, perhaps a window manager, real windows."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from broker.host.window_titles_x11 import X11Windows
from broker.host.xcb import Connection
from tests.system.browser import CHROMIUM, FLAGS
from tests.system.person import Person
from tests.system.waiting import wait_until


@dataclass(frozen=True)
class Desktop:
    """An X server, seen by the test through a connection of its own.

    Attributes:
        display: for DISPLAY.
        xvfb: the server.
        windows: what `brokerctl` sees, too.
        frame: the folder that its picture lies in.
    """

    display: str
    xvfb: subprocess.Popen[bytes]
    windows: X11Windows
    frame: Path

    def titles(self) -> list[str]:
        return [window.title for window in self.windows.all()]

    def has(self, title: str) -> bool:
        """Whether a title begins so."""
        return any(one.startswith(title) for one in self.titles())


@contextmanager
def desktop(manager: str | None) -> Iterator[Desktop]:
    """A screen, with this window manager or with none."""
    with ExitStack() as stack:
        frame = Path(stack.enter_context(TemporaryDirectory()))
        xvfb, display = _xvfb(stack, frame)
        with _display(display):
            windows = X11Windows(Connection())
        stack.callback(windows.release)
        if manager is not None:
            _start(stack, [manager], {"DISPLAY": display})
            wait_until(windows._is_managed, "the window manager is there")
        yield Desktop(display, xvfb, windows, frame)


@contextmanager
def chromium(desk: Desktop, folder: Path, url: str) -> Iterator[None]:
    """A browser of its own, with a window that shows `url`."""
    with ExitStack() as stack:
        words = [CHROMIUM, *FLAGS, "--password-store=basic"]
        _start(
            stack,
            [*words, f"--user-data-dir={folder}", url],
            {"DISPLAY": desk.display, "HOME": str(folder)},
        )
        yield


def browser_of(person: Person) -> str:
    """A command for BROWSER: a real browser with a folder in the person's home."""
    words = [CHROMIUM, *FLAGS, "--password-store=basic", "--new-window"]
    script = person.home / "browser"
    script.write_text(
        f"#!/bin/sh\nexec {' '.join(words)} --user-data-dir={person.home}/chromium "
        '"$1" >/dev/null 2>&1\n'
    )
    script.chmod(0o755)
    # '&' tells webbrowser not to wait for its end.
    return f"{script} %s &"


def _xvfb(stack: ExitStack, frame: Path) -> tuple[subprocess.Popen[bytes], str]:
    reading, writing = os.pipe()
    words = ["-screen", "0", "1280x800x24", "-nolisten", "tcp", "-ac"]
    words += ["-fbdir", str(frame)]
    process = _start(
        stack,
        ["Xvfb", "-displayfd", str(writing), *words],
        {},
        pass_fds=(writing,),
    )
    os.close(writing)
    with os.fdopen(reading) as pipe:
        # Read to the end of the line: hung up on earlier, it would die by SIGPIPE.
        return process, f":{pipe.readline().strip()}"


def _start(
    stack: ExitStack,
    words: list[str],
    environment: dict[str, str],
    pass_fds: tuple[int, ...] = (),
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        words,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=pass_fds,
    )
    stack.enter_context(process)
    stack.callback(process.terminate)
    return process


@contextmanager
def _display(display: str) -> Iterator[None]:
    """DISPLAY of this process, which libxcb reads by itself."""
    before = os.environ.get("DISPLAY")
    os.environ["DISPLAY"] = display
    try:
        yield
    finally:
        del os.environ["DISPLAY"]
        if before is not None:
            os.environ["DISPLAY"] = before
