"""What is called of libxcb, with types: a connection to the X server of this session.

libxcb and not libX11, which ends the whole process when the server goes, or when a
window does between two calls; and no package, since those that speak X11 are old or
need a compiler. Loaded late: only who reads titles needs it.

Sources: xcb/xcb.h, xcb/xproto.h, X Window System Protocol, appendix B.
"""

import ctypes
import errno
import struct

_HEADER_BYTES = 32
"""Of a reply and of an event; behind it a reply has what it counts in words of 4."""


class _Cookie(ctypes.Structure):
    _fields_ = (("sequence", ctypes.c_uint),)


class _Screens(ctypes.Structure):
    _fields_ = (
        ("first", ctypes.POINTER(ctypes.c_uint32)),
        ("left", ctypes.c_int),
        ("index", ctypes.c_int),
    )


class Connection:
    """One connection; every method raises OSError once the server is gone."""

    def __init__(self) -> None:
        """Connect to the server that DISPLAY names.

        Raises:
            OSError: there is no libxcb, no server, or it refuses us.
        """
        self._xcb = _library()
        screen = ctypes.c_int()
        self._connection = ctypes.c_void_p(
            self._xcb.xcb_connect(None, ctypes.byref(screen))
        )
        try:
            self._check()
            self.root = self._root(screen.value)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hang up. Nothing else may be called after it."""
        self._xcb.xcb_disconnect(self._connection)

    def intern_atom(self, name: str) -> bytes | None:
        """The reply that holds the number of a name."""
        text = name.encode()
        return self._ask("intern_atom", ctypes.c_uint8(0), _u16(len(text)), text)

    def get_property(self, window: int, name: int, words: int) -> bytes | None:
        """The reply that holds a property of any type, up to so many words of 4 bytes.

        None where the window is gone.
        """
        length = (_u32(0), _u32(words))
        of_any_type = _u32(0)
        about = (_u32(window), _u32(name), of_any_type)
        return self._ask("get_property", ctypes.c_uint8(0), *about, *length)

    def query_tree(self, window: int) -> bytes | None:
        """The reply that holds the windows in a window; None where it is gone."""
        return self._ask("query_tree", _u32(window))

    def send(self, window: int, mask: int, event: bytes) -> None:
        """Send an event of 32 bytes, and see it off."""
        if len(event) != _HEADER_BYTES:
            raise ValueError(len(event))
        self._xcb.xcb_send_event(
            self._connection, ctypes.c_uint8(0), _u32(window), _u32(mask), event
        )
        self._xcb.xcb_flush(self._connection)
        self._check()

    def _ask(self, request: str, *arguments: object) -> bytes | None:
        """The bytes of the reply, None for an error such as a window that is gone."""
        call = self._xcb[f"xcb_{request}"]
        call.restype = _Cookie
        reply_of = self._xcb[f"xcb_{request}_reply"]
        reply_of.restype = ctypes.c_void_p
        reply = reply_of(self._connection, call(self._connection, *arguments), None)
        if reply is None:
            self._check()
            return None
        try:
            (words,) = struct.unpack_from("=I", ctypes.string_at(reply, 8), 4)
            return ctypes.string_at(reply, _HEADER_BYTES + 4 * words)
        finally:
            _free(reply)

    def _check(self) -> None:
        if self._xcb.xcb_connection_has_error(self._connection):
            raise OSError(errno.ENOTCONN, "the X server cannot be reached")

    def _root(self, number: int) -> int:
        setup = ctypes.c_void_p(self._xcb.xcb_get_setup(self._connection))
        screens = self._xcb.xcb_setup_roots_iterator(setup)
        for _ in range(number):
            self._xcb.xcb_screen_next(ctypes.byref(screens))
        return int(screens.first[0])


def _library() -> ctypes.CDLL:
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError as exc:
        raise OSError(errno.ENOSYS, "libxcb is not installed") from exc
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_get_setup.restype = ctypes.c_void_p
    xcb.xcb_setup_roots_iterator.restype = _Screens
    xcb.xcb_send_event.restype = _Cookie
    return xcb


def _free(address: int) -> None:
    ctypes.CDLL(None).free(ctypes.c_void_p(address))


def _u16(number: int) -> ctypes.c_uint16:
    return ctypes.c_uint16(number)


def _u32(number: int) -> ctypes.c_uint32:
    return ctypes.c_uint32(number)
