"""Makes a file readable by other users, by the means of this system."""

import sys
from pathlib import Path


def let_others_read(path: Path) -> None:
    if sys.platform == "win32":
        from broker.host import win32  # noqa: PLC0415 - of Windows alone

        handle = win32.open_handle(
            path, win32.WRITE_DAC, win32.OPEN_EXISTING, share_name=True
        )
        everyone, user = "WD", win32.user_sid()
        win32.set_access(handle, f"D:P(A;;FA;;;{user})(A;;FR;;;{everyone})")
        win32.close_handle(handle)
    else:
        path.chmod(0o644)
