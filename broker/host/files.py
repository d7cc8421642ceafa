"""Private files and folders, durable and whole: one face, one file a system.

Knows nothing of what is in them. Each function is documented in `files_posix`, and
means the same in `files_windows`.
"""

import contextlib
import sys
from pathlib import Path

if sys.platform == "win32":
    from broker.host.files_windows import (
        belongs_to_stranger,
        fault,
        flush_file,
        flush_folder,
        flush_to_disk,
        folder_fault,
        is_open_to_others,
        make_private,
        make_private_folder,
        name_also,
        open_lock_file,
        open_to_append,
        open_to_read,
        private_file,
        publish,
        replace,
        take_lock,
    )
else:
    from broker.host.files_posix import (
        belongs_to_stranger,
        fault,
        flush_file,
        flush_folder,
        flush_to_disk,
        folder_fault,
        is_open_to_others,
        make_private,
        make_private_folder,
        name_also,
        open_lock_file,
        open_to_append,
        open_to_read,
        private_file,
        publish,
        replace,
        take_lock,
    )

__all__ = [
    "belongs_to_stranger",
    "fault",
    "flush_file",
    "flush_folder",
    "flush_to_disk",
    "folder_fault",
    "is_open_to_others",
    "make_private",
    "make_private_folder",
    "name_also",
    "open_lock_file",
    "open_to_append",
    "open_to_read",
    "private_file",
    "publish",
    "remove_leftover",
    "replace",
    "take_lock",
]


def remove_leftover(path: Path) -> None:
    """Take away what a crash left behind, if it did."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
