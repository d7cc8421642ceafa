"""How much memory this process has, as the kernel counts it.

The daemon tells it of itself: since it cannot be dumped, nobody else may read it.
"""

import re
from pathlib import Path

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
