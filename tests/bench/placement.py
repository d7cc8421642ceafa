"""On which cores the load and the servers run: the same for all that is compared.

A peer and the server take turns, so one core does for both, and a core each costs a
call from one to the other at every turn: twice the time of a short answer. Where the
kernel puts a server depends on what that server has done before, so that a daemon which
has signed people in was measured across two cores and its yardstick on one.
"""

import os
import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.load import Target

_UCRED = struct.Struct("3i")

ONE_CORE = "on one core"
TWO_CORES = "on a core each"
PLACES = (ONE_CORE, TWO_CORES)


@contextmanager
def placed(where: str, targets: Iterable[Target]) -> Iterator[None]:
    """Every server of `targets` on one core, and what we start on it or on another.

    On a machine of one core both are the same. Linux.
    """
    all_cores = os.sched_getaffinity(0)
    first, last = min(all_cores), max(all_cores)
    threads = [thread for target in targets for thread in _threads(target.socket)]
    try:
        for thread in threads:
            os.sched_setaffinity(thread, {first})
        os.sched_setaffinity(0, {first if where == ONE_CORE else last})
        yield
    finally:
        for thread in [0, *threads]:
            os.sched_setaffinity(thread, all_cores)


@contextmanager
def aside() -> Iterator[None]:
    """What begins here stays off the core of those that are measured on one."""
    all_cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(all_cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, all_cores)


def _threads(path: Path) -> list[int]:
    """Of the process that listens there, and of those that it has started."""
    with socket.socket(socket.AF_UNIX) as connected:
        connected.connect(str(path))
        raw = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return list(_family(_UCRED.unpack(raw)[0]))


def _family(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        yield int(task.name)
        for child in (task / "children").read_text().split():
            yield from _family(int(child))
