"""Windows of a Windows program: their titles are listed, and they are closed."""

import ctypes
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import wintypes

import pytest

from broker.host.window_titles import open_windows
from broker.host.window_titles_windows import WindowsOfWindows
from broker.host.windows import Window

CODE = "Success state=s1&code=4/AbC - Café 窓"
_VISIBLE = 0x1000_0000

# Another program with a window, which lives as long as its window does.
PROGRAM = """
import ctypes, sys
from ctypes import wintypes
user32 = ctypes.WinDLL("user32")
user32.CreateWindowExW.restype = wintypes.HWND
user32.CreateWindowExW.argtypes = [
    wintypes.DWORD, wintypes.LPCWSTR, wintypes.LPCWSTR, wintypes.DWORD,
    *[ctypes.c_int] * 4, *[ctypes.c_void_p] * 4,
]
window = user32.CreateWindowExW(
    0, "Static", sys.argv[1], int(sys.argv[2]), 0, 0, 99, 99, None, None, None, None
)
assert window
print(window, flush=True)
message = wintypes.MSG()
while user32.IsWindow(wintypes.HWND(window)):
    user32.GetMessageW(ctypes.byref(message), None, 0, 0)
    user32.DispatchMessageW(ctypes.byref(message))
"""


@contextmanager
def program(
    title: str, style: int = _VISIBLE
) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    words = [sys.executable, "-c", PROGRAM, title, str(style)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield int(process.stdout.readline()), process
        finally:
            process.kill()


def test_the_title_of_another_programs_window_is_listed_whole() -> None:
    with program(CODE) as (number, _):
        windows = open_windows({}, lambda *_: "")
        assert Window(number=number, title=CODE) in windows.all()
        windows.release()


@pytest.mark.parametrize("length", [4096, 4097])
def test_a_title_as_long_as_browsers_make_them_is_whole(length: int) -> None:
    with program("c" * length) as (number, _):
        titles = {window.number: window.title for window in WindowsOfWindows().all()}
        assert len(titles[number]) == length


def test_a_window_that_nobody_sees_or_that_has_no_title_is_left_out() -> None:
    with program(CODE, style=0) as (hidden, _), program("") as (nameless, _):
        numbers = {window.number for window in WindowsOfWindows().all()}
        assert not {hidden, nameless} & numbers


def test_a_window_is_closed_by_its_own_program() -> None:
    with program(CODE) as (number, process):
        WindowsOfWindows().ask_to_close(Window(number=number, title=CODE))
        assert process.wait() == 0
        assert number not in {window.number for window in WindowsOfWindows().all()}


def test_a_window_that_is_gone_cannot_be_closed() -> None:
    with program(CODE) as (number, process):
        process.kill()
        process.wait()
        user32 = ctypes.WinDLL("user32")
        while user32.IsWindow(wintypes.HWND(number)):
            pass
        with pytest.raises(OSError, match=r"\w"):
            WindowsOfWindows().ask_to_close(Window(number=number, title=CODE))
