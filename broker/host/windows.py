"""What a window of this session is, and what can be done with it, on every system."""

from collections.abc import Callable, Sequence
from typing import Protocol

from broker.model.veiled import Veiled

Run = Callable[[Sequence[str], str], str]
"""Starts a program, gives it a text to read, and returns what it prints.

OSError where it fails.
Handed in: nothing in this room starts a process.
"""


class Window(Veiled, frozen=True, kw_only=True):
    """A window with a title.

    Attributes:
        number: tells it from the others of its system while it is there. On macOS,
            which numbers none, that of its program.
        title: may hold a code, and is out of the repr for it.
    """

    veiled = frozenset({"title"})

    number: int
    title: str


class Windows(Protocol):
    """The windows of a session."""

    def all(self) -> Sequence[Window]:
        """Those that have a title.

        Raises:
            OSError: the session is gone, or does not let us see.
        """
        ...

    def ask_to_close(self, window: Window) -> None:
        """Ask its program to close it, as the person's click would.

        Raises:
            OSError: it cannot be asked.
        """
        ...

    def release(self) -> None:
        """Let go of the session; nothing may be called after it."""
        ...
