"""Windows of this session and what stands in their titles: one face, a file a system.

For `brokerctl` alone: the daemon has no session. Knows nothing of sign-ins.
"""

import sys
from collections.abc import Mapping

from broker.host.windows import Run, Windows

WAYLAND = "Wayland shows no program the titles of the others' windows"


def open_windows(environ: Mapping[str, str], run: Run) -> Windows:
    """The windows of the session that we are in.

    Args:
        environ: DISPLAY and WAYLAND_DISPLAY are looked at.
        run: see `Run`; macOS alone needs it.

    Raises:
        OSError: none can be seen from here; its text says why.
    """
    if sys.platform == "win32":
        from broker.host.window_titles_windows import WindowsOfWindows  # noqa: PLC0415

        return WindowsOfWindows()
    if sys.platform == "darwin":
        from broker.host.window_titles_macos import MacWindows  # noqa: PLC0415

        return MacWindows(run)
    return _x11(environ)


def _x11(environ: Mapping[str, str]) -> Windows:
    # Where both are named, browsers go to Wayland, past the X server.
    if environ.get("WAYLAND_DISPLAY"):
        raise OSError(WAYLAND)
    if not environ.get("DISPLAY"):
        raise OSError("there is no desktop here: DISPLAY is not set")
    from broker.host.window_titles_x11 import X11Windows  # noqa: PLC0415 - ctypes
    from broker.host.xcb import Connection  # noqa: PLC0415

    return X11Windows(Connection())
