"""Windows of an X server, with or without a window manager.

Sources: Extended Window Manager Hints 1.5, Inter-Client Communication Conventions
Manual 2.0, sections 4.1.2.1 and 4.2.8.1.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Protocol

from broker.host.windows import Window

MOST_WINDOWS = 2000
"""That are looked at where no window manager lists them."""
DEEPEST = 3
"""Below the root: an old window manager's frame, what it puts there, the window."""

_TITLE_WORDS = 4096
"""Words of 4 bytes; browsers cut titles at 4,096 characters."""
_LIST_WORDS = MOST_WINDOWS

_SUBSTRUCTURE_NOTIFY_AND_REDIRECT = 0x18_0000
_CLIENT_MESSAGE = 33
_BY_THE_PERSON = 2
"""EWMH's source indication of a program that does what the person wants at once."""


class Server(Protocol):
    """`xcb.Connection`, as far as it is used here: replies as they come."""

    root: int

    def intern_atom(self, name: str) -> bytes | None:
        """The reply that holds the number of a name."""
        ...

    def get_property(self, window: int, name: int, words: int) -> bytes | None:
        """The reply that holds a property; None where the window is gone."""
        ...

    def query_tree(self, window: int) -> bytes | None:
        """The reply that holds the windows in a window; None where it is gone."""
        ...

    def send(self, window: int, mask: int, event: bytes) -> None:
        """Send an event of 32 bytes."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


class X11Windows:
    """Satisfies `Windows`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._atoms: dict[str, int] = {}

    def all(self) -> Sequence[Window]:
        """Those that the window manager lists; without one, all that there are."""
        listed = self._numbers(self._server.root, "_NET_CLIENT_LIST")
        numbers = listed if self._is_managed() else self._walk()
        return [
            Window(number=number, title=title)
            for number in numbers
            if (title := self._title(number))
        ]

    def ask_to_close(self, window: Window) -> None:
        """Through the window manager where it does that, else directly."""
        root = self._server.root
        close = self._atom("_NET_CLOSE_WINDOW")
        if self._is_managed() and close in self._numbers(root, "_NET_SUPPORTED"):
            event = _client_message(window.number, close, (0, _BY_THE_PERSON))
            self._server.send(root, _SUBSTRUCTURE_NOTIFY_AND_REDIRECT, event)
            return
        delete = self._atom("WM_DELETE_WINDOW")
        kind = self._atom("WM_PROTOCOLS")
        event = _client_message(window.number, kind, (delete, 0))
        self._server.send(window.number, 0, event)

    def release(self) -> None:
        """Hang up."""
        self._server.close()

    def _is_managed(self) -> bool:
        """Whether a window manager runs: what one that died has said is there still."""
        name = "_NET_SUPPORTING_WM_CHECK"
        window = self._numbers(self._server.root, name)
        return bool(window) and self._numbers(window[0], name) == window

    def _walk(self) -> Iterator[int]:
        level, left = [self._server.root], MOST_WINDOWS
        for _ in range(DEEPEST):
            level = [
                child
                for parent in level
                for child in parse_children(self._server.query_tree(parent))
            ][:left]
            left -= len(level)
            yield from level

    def _title(self, window: int) -> str:
        for name, encoding in (("_NET_WM_NAME", "utf-8"), ("WM_NAME", "latin-1")):
            value = self._property(window, name, _TITLE_WORDS)
            if value:
                return value.decode(encoding, "replace")
        return ""

    def _numbers(self, window: int, name: str) -> tuple[int, ...]:
        value = self._property(window, name, _LIST_WORDS)
        return struct.unpack(f"={len(value) // 4}I", value[: len(value) // 4 * 4])

    def _property(self, window: int, name: str, words: int) -> bytes:
        atom = self._atom(name)
        return parse_property(self._server.get_property(window, atom, words))

    def _atom(self, name: str) -> int:
        if name not in self._atoms:
            reply = self._server.intern_atom(name)
            if reply is None:
                raise OSError(f"the X server has no {name}")
            (self._atoms[name],) = struct.unpack_from("=I", reply, 8)
        return self._atoms[name]


def parse_property(reply: bytes | None) -> bytes:
    """The value in a reply to GetProperty; empty where there is none."""
    if reply is None:
        return b""
    bits = reply[1]
    (count,) = struct.unpack_from("=I", reply, 16)
    return reply[32 : 32 + count * (bits // 8)]


def parse_children(reply: bytes | None) -> tuple[int, ...]:
    """The windows in a reply to QueryTree."""
    if reply is None:
        return ()
    (count,) = struct.unpack_from("=H", reply, 16)
    return struct.unpack_from(f"={count}I", reply, 32)


def _client_message(window: int, kind: int, data: tuple[int, int]) -> bytes:
    head = struct.pack("=BBHII", _CLIENT_MESSAGE, 32, 0, window, kind)
    return head + struct.pack("=5I", *data, 0, 0, 0)
