"""How much memory this process has, as the kernel counts it, and what it gives back.

The daemon tells it of itself: since it cannot be dumped, nobody else may read it.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

_MAPPINGS = Path("/proc/self/smaps")
_OF_FILE = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) r-[x-]p \S+ \S+ [1-9]\d* +/")
_MAPPING = re.compile(r"^(?=[0-9a-f]+-[0-9a-f]+ )", re.MULTILINE)
_UNWRITTEN = tuple(
    re.compile(rf"^{line}: +0 kB$", re.MULTILINE) for line in ("Anonymous", "Swap")
)
_LINUX_MADV_DONTNEED = 4

_ROLLUP = Path("/proc/self/smaps_rollup")
_PSS = re.compile(r"^Pss: +(\d+) kB$", re.MULTILINE)


def proportional_set_kib(rollup: Path = _ROLLUP) -> int | None:
    """The proportional set size (PSS) in KiB: a page that n processes share counts 1/n.

    None where the system does not say (proc_pid_smaps(5) is Linux's).
    """
    try:
        found = _PSS.search(rollup.read_text())
    except OSError:
        return None
    return int(found[1]) if found else None


def give_back_code() -> None:
    """Let go of the code and constants that only the start has used.

    Libraries run most of their code once, as they are loaded. What is needed again
    comes back from the file, some pages at a time. Only on Linux.
    """
    if sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415 - Windows needs none

    libc = ctypes.CDLL(None)
    for begin, size in unwritten_in(_MAPPINGS.read_text()):
        libc.madvise(
            ctypes.c_void_p(begin), ctypes.c_size_t(size), _LINUX_MADV_DONTNEED
        )


def unwritten_in(mappings: str) -> Iterator[tuple[int, int]]:
    """The address and size in bytes of what is as it is in its file.

    A page that was written to, by the loader say, and is let go of has lost that.

    Args:
        mappings: as proc_pid_smaps(5) tells them.
    """
    for mapping in _MAPPING.split(mappings):
        found = _OF_FILE.match(mapping)
        if found and all(line.search(mapping) for line in _UNWRITTEN):
            begin = int(found[1], 16)
            yield begin, int(found[2], 16) - begin
