"""Windows of a Windows session.

Sources: winuser.h: EnumWindows, GetWindowTextW, which asks no window and so waits for
none, and WM_CLOSE.
"""

import ctypes
import sys
from collections.abc import Sequence
from ctypes import wintypes

assert sys.platform == "win32"  # noqa: S101 - tells mypy, too

from broker.host.windows import Window  # noqa: E402

MAX_TITLE_UNITS = 8192
"""Of UTF-16; browsers cut titles at 4,096 characters."""

_WM_CLOSE = 0x0010

_user32 = ctypes.WinDLL("user32", use_last_error=True)
_Callback = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.HWND, wintypes.LPARAM)


class WindowsOfWindows:
    """Satisfies `Windows`."""

    def all(self) -> Sequence[Window]:
        """The visible ones of this desktop that stand in no other."""
        numbers: list[int] = []

        def take(number: int, _: int) -> bool:
            numbers.append(number)
            return True

        if not _user32.EnumWindows(_Callback(take), 0):
            raise ctypes.WinError(ctypes.get_last_error())
        return [
            Window(number=number, title=title)
            for number in numbers
            if _user32.IsWindowVisible(wintypes.HWND(number))
            and (title := _title(number))
        ]

    def ask_to_close(self, window: Window) -> None:
        """Leave it the message of a click on its cross."""
        number = wintypes.HWND(window.number)
        if not _user32.PostMessageW(number, _WM_CLOSE, 0, 0):
            raise ctypes.WinError(ctypes.get_last_error())

    def release(self) -> None:
        """Nothing is held."""


def _title(number: int) -> str:
    text = ctypes.create_unicode_buffer(MAX_TITLE_UNITS)
    _user32.GetWindowTextW(wintypes.HWND(number), text, MAX_TITLE_UNITS)
    return text.value
