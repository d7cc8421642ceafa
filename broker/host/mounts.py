"""Which file system a path is on, where that matters: another machine's disk."""

import os
import sys
from pathlib import Path

# As /proc/self/mountinfo names them. What is FUSE is local unless its kind is here.
_NETWORK = frozenset(
    {
        *("9p", "afs", "ceph", "cifs", "coda", "glusterfs", "gpfs", "lustre"),
        *("ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "smb3", "smbfs", "virtiofs"),
        *("fuse.ceph-fuse", "fuse.glusterfs", "fuse.rclone", "fuse.sshfs"),
    }
)


def network_kind(path: Path) -> str | None:
    """The kind of the file system, where its disk is another machine's; else None.

    None, too, where the system does not say.
    """
    if sys.platform != "linux":
        return None
    try:
        table = Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
    except OSError:
        return None
    kind = mounted_kind(table, os.path.realpath(path))
    return kind if kind in _NETWORK else None


def mounted_kind(table: str, path: str) -> str | None:
    """The kind of the file system that `path` is on, by its mounts.

    Args:
        table: the text of /proc/self/mountinfo.
        path: absolute, without links.

    Source: proc_pid_mountinfo(5).
    """
    best, kind = "", None
    for line in table.splitlines():
        fields, _, rest = line.partition(" - ")
        point, words = _unescaped(fields.split(" ")[4:5]), rest.split(" ")
        is_above = path == point or path.startswith(point.rstrip("/") + "/")
        # Of two on one point, the later one covers the other.
        if point and is_above and len(point) >= len(best):
            best, kind = point, words[0]
    return kind


def _unescaped(field: list[str]) -> str:
    text = "".join(field)
    for code in ("\\040", "\\011", "\\012", "\\134"):
        text = text.replace(code, chr(int(code[1:], 8)))
    return text
