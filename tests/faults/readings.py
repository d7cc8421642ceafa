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


def peers(pid: int, door: Path) -> int:
    """How many connections it has accepted that came through `door`, and has open."""
    here = {_inode(one) for one in Path(f"/proc/{pid}/fd").iterdir()}
    rows = Path(f"/proc/{pid}/net/unix").read_text().splitlines()[1:]
    listening = "00010000"  # the flag of a socket that accepts, and is none itself
    return sum(
        row.split()[6] in here and row.split()[3] != listening
        for row in rows
        if row.endswith(f" {door}")
    )


def _inode(descriptor: Path) -> str:
    """'123' of a socket, else something that is no number."""
    try:
        return str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]")
    except FileNotFoundError:  # closed meanwhile
        return ""


def digest(token: str) -> str:
    """SHA-256 of a token, as the askers print it."""
    return hashlib.sha256(token.encode()).hexdigest()


def _status(pid: int, name: str) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    assert found, text
    return int(found[1]) * 1024
