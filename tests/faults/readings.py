"""What the kernel says of a process, which root may ask, and digests of tokens."""

import hashlib
import re
from pathlib import Path


def resident(pid: int) -> int:
    """Bytes in memory now."""
    return _status(pid, "VmRSS")


def peak(pid: int) -> int:
    """The most bytes in memory since `forget_peak`."""
    return _status(pid, "VmHWM")


def forget_peak(pid: int) -> None:
    """Let the peak begin anew from what is in memory now (proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def descriptors(pid: int) -> int:
    """How many files and sockets it has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def digest(token: str) -> str:
    """SHA-256 of a token, as the askers print it."""
    return hashlib.sha256(token.encode()).hexdigest()


def _status(pid: int, name: str) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    assert found, text
    return int(found[1]) * 1024
