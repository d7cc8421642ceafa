import sys

import pytest

from broker.host.window_titles import WAYLAND, open_windows
from broker.host.window_titles_macos import MacWindows
from broker.host.windows import Run


def run_nothing(*_: object) -> str:
    raise AssertionError("nothing is started here")


RUN: Run = run_nothing


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({}, "DISPLAY is not set"),
        ({"WAYLAND_DISPLAY": "wayland-0"}, WAYLAND),
        # Browsers go to Wayland then, past the X server.
        ({"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, WAYLAND),
    ],
)
def test_where_titles_cannot_be_seen_it_is_said_why(
    environ: dict[str, str], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(OSError, match=why):
        open_windows(environ, RUN)


def test_an_x_server_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", "unix:/nowhere/at/all:77")
    with pytest.raises(OSError, match=r"X server cannot be reached|not installed"):
        open_windows({"DISPLAY": "unix:/nowhere/at/all:77"}, RUN)


def test_on_macos_system_events_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert isinstance(open_windows({}, RUN), MacWindows)
