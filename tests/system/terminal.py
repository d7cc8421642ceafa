"""A terminal of the person's own: what a command shows there, and what is typed."""

import os
import pty
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.system.person import Person, own
from tests.system.waiting import PATIENCE_SECONDS


@dataclass
class Terminal:
    """One of a person, for one command at a time.

    Attributes:
        person: who sits at it.
        keyboard: the end at which somebody types and looks.
        device: the end that a command has, as a descriptor.
        shown: all that it has shown.
    """

    person: Person
    keyboard: int
    device: int
    shown: str = ""

    def await_text(self, text: str) -> None:
        """Return when it has been shown after what was awaited before."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        begin = len(self.shown)
        while text not in self.shown[begin:]:
            assert time.monotonic() < deadline, f"never shown: {text}: {self.shown!r}"
            if select.select([self.keyboard], [], [], 0.1)[0]:
                self.shown += os.read(self.keyboard, 65536).decode(errors="replace")

    def type(self, text: str) -> None:
        """Type it, without the return key."""
        os.write(self.keyboard, text.encode())


@contextmanager
def terminal(person: Person) -> Iterator[Terminal]:
    """A terminal; what it has shown is remembered as heard."""
    keyboard, device = pty.openpty()
    own(os.ttyname(device))
    one = Terminal(person, keyboard, device)
    try:
        yield one
    finally:
        os.close(device)
        os.close(keyboard)
        person.heard.append(one.shown)
