"""An X server's windows and properties, answered in the bytes of its protocol."""

import struct
from dataclasses import dataclass, field

ROOT = 1


def numbers(*values: int) -> bytes:
    """A property of 32-bit values."""
    return struct.pack(f"={len(values)}I", *values)


@dataclass
class FakeXServer:
    """Satisfies `window_titles_x11.Server`.

    Attributes:
        children: the windows in each window.
        properties: by window, then name.
        sent: (window, mask, event) of each event.
        is_gone: whether it has ended.
    """

    root: int = ROOT
    children: dict[int, list[int]] = field(default_factory=dict)
    properties: dict[int, dict[str, bytes]] = field(default_factory=dict)
    sent: list[tuple[int, int, bytes]] = field(default_factory=list)
    is_gone: bool = False
    is_closed: bool = False
    _names: list[str] = field(default_factory=list)

    def atom(self, name: str) -> int:
        """Its number, from 100 on."""
        if name not in self._names:
            self._names.append(name)
        return 100 + self._names.index(name)

    def set_title(self, window: int, title: str, name: str = "_NET_WM_NAME") -> None:
        encoding = "latin-1" if name == "WM_NAME" else "utf-8"
        self.properties.setdefault(window, {})[name] = title.encode(encoding)

    def manage(self, *listed: int, closes: bool = True) -> None:
        """A window manager comes."""
        check = 50
        supported = [self.atom("_NET_CLOSE_WINDOW")] if closes else []
        self.properties[ROOT] = {
            "_NET_SUPPORTING_WM_CHECK": numbers(check),
            "_NET_CLIENT_LIST": numbers(*listed),
            "_NET_SUPPORTED": numbers(*supported),
        }
        self.properties[check] = {"_NET_SUPPORTING_WM_CHECK": numbers(check)}

    def intern_atom(self, name: str) -> bytes | None:
        self._answer()
        return struct.pack("=8xI20x", self.atom(name))

    def get_property(self, window: int, name: int, words: int) -> bytes | None:
        self._answer()
        if window not in self.properties:
            return None
        value = self.properties[window].get(self._names[name - 100], b"")
        is_text = b"\0" not in value
        value = value[: 4 * words]
        bits = 8 if is_text else 32
        head = struct.pack("=xB14xI12x", bits, len(value) * 8 // bits)
        return head + value + b"\0" * (-len(value) % 4)

    def query_tree(self, window: int) -> bytes | None:
        self._answer()
        if window not in self.children:
            return None
        found = self.children[window]
        return struct.pack("=16xH14x", len(found)) + numbers(*found)

    def send(self, window: int, mask: int, event: bytes) -> None:
        self._answer()
        self.sent.append((window, mask, event))

    def close(self) -> None:
        self.is_closed = True

    def _answer(self) -> None:
        if self.is_gone:
            raise OSError("the X server cannot be reached")
