"""Makes a file readable by other users, by the means of this system."""

import sys
from pathlib import Path


def let_others_read(path: Path) -> None:
    assert sys.platform != "win32"
    path.chmod(0o644)
