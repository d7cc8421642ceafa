"""strace at a process: which calls it makes, and death at one of them.

strace counts the calls of each thread by itself. `--seccomp-bpf` would be quicker, but
with it not one injection is ever carried out.
"""

import re
import subprocess
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.system.person import COMMAND_SECONDS

# All that changes a file, or tells another process something. A `?` for those that not
# every machine has.
_CALLS = (
    *("openat", "write", "?writev", "pwrite64", "?pwritev", "fsync", "fdatasync"),
    *("?rename", "?renameat", "?renameat2", "?link", "linkat", "?unlink", "unlinkat"),
    *("ftruncate", "fchmod", "?mkdir", "mkdirat", "sendto", "sendmsg"),
)
_OPENED_TO_WRITE = re.compile(r"\bO_(WRONLY|RDWR|CREAT|TRUNC)\b")
# The thread is not named where only one is traced.
_CALL = re.compile(r"^(?:(\d+) +)?(\w+)\((.*)$")
_PATH = re.compile(r'[<"](/[^<>"]+)[>"]')
# By which a thread wakes the loop of its own process: two in a moment are one.
_WAKES = "<anon_inode:[eventfd]>"
_NOT_DONE = re.compile(r"= \?|<unfinished \.\.\.>$")


@dataclass(frozen=True)
class Call:
    """One call in a log, where it began.

    Attributes:
        thread: its thread's number in the kernel.
        name: of the call, such as 'fdatasync'.
        text: its arguments, descriptors with what they are of, and what came of it.
    """

    thread: int
    name: str
    text: str

    @property
    def changes_something(self) -> bool:
        if self.name == "openat":
            return bool(_OPENED_TO_WRITE.search(self.text))
        return _WAKES not in self.text

    @property
    def paths(self) -> list[str]:
        return _PATH.findall(self.text)


@dataclass(frozen=True)
class Point:
    """A moment to die at: when a call is about to be made for the nth time.

    Attributes:
        name: of the call.
        nth: counted for each thread, and only on `path` where that is given.
        path: only calls on this file count; seen from the folder of the sweep.
        thread: only those of this thread count; 0 is the process's first.
    """

    name: str
    nth: int
    path: str | None = None
    thread: int | None = None


def threads_of(pid: int) -> list[int]:
    """The threads of a process, in the order in which they were made."""
    return sorted(int(path.name) for path in Path(f"/proc/{pid}/task").iterdir())


def calls_in(log: Path) -> list[Call]:
    """All calls in a log, in their order."""
    lines = log.read_text(errors="replace").splitlines()
    found = [match for line in lines if (match := _CALL.match(line))]
    return [Call(int(match[1] or 0), match[2], match[3]) for match in found]


def points_in(
    calls: Collection[Call], folder: Path, threads: list[int]
) -> tuple[list[Point], int]:
    """The moments at which a process might have died, and how many cannot be hit.

    A call on a file of ours is counted on that file; another one on its thread, where
    that was there before strace. What is left is counted on all threads together, and
    whichever comes first is hit.

    Args:
        calls: of a dry run.
        folder: where our files are.
        threads: that were there when strace came.
    """
    counts: Counter[tuple[int, Point]] = Counter()
    reached: set[Point] = set()
    points = []
    missed = 0
    for call in calls:
        aims = _aims(call, folder, threads)
        counts.update((call.thread, aim) for aim in aims)
        there = [replace(aim, nth=counts[call.thread, aim]) for aim in aims]
        if call.changes_something and there[0] not in reached:
            points.append(there[0])
        elif call.changes_something:
            missed += 1  # another thread was there first, and would be hit
        reached.update(there)
    return points, missed


def _aims(call: Call, folder: Path, threads: list[int]) -> list[Point]:
    """The ways in which calls like this one can be counted, the best one first."""
    prefix = f"{folder}/"
    ours = [p.removeprefix(prefix) for p in call.paths if p.startswith(prefix)]
    # A file that is opened is named twice: before it is open and after.
    aims = [Point(call.name, 0, path=path) for path in dict.fromkeys(ours)]
    if call.thread in threads:
        aims.append(Point(call.name, 0, thread=threads.index(call.thread)))
    return [*aims, Point(call.name, 0)]


def died_at(log: Path, point: Point, strangers: Collection[int]) -> bool:
    """Whether this very injection killed the process.

    Args:
        log: of the run; where it was aimed at a file or a thread, of nothing else.
        strangers: threads that were not meant.
    """
    counts: Counter[tuple[int, str]] = Counter()
    last: dict[int, tuple[Call, int]] = {}
    for call in calls_in(log):
        counts[call.thread, call.name] += 1
        last[call.thread] = (call, counts[call.thread, call.name])
    was_killed = "+++ killed by SIGKILL +++" in log.read_text(errors="replace")
    return was_killed and any(
        (call.name, nth) == (point.name, point.nth)
        and _NOT_DONE.search(call.text)
        and thread not in strangers
        for thread, (call, nth) in last.items()
    )


@contextmanager
def traced(pid: int, log: Path, *words: str) -> Iterator[None]:
    """strace is at a process, with all threads it has or makes, until that ends.

    It ends inside the block: a strace that is told to leave while a process dies
    waits for ever for a thread that it has not buried (6.1).

    Args:
        pid: the process.
        log: where strace writes.
        words: further words for it, such as an injection.
    """
    yield from _attached(["-f", f"--attach={pid}", *words], log)


@contextmanager
def killed_at(pid: int, log: Path, point: Point, folder: Path) -> Iterator[None]:
    """strace kills the process at this point of `folder`, where it gets there.

    Otherwise it ends inside the block, too.
    """
    inject = ["-e", f"inject={point.name}:signal=KILL:when={point.nth}"]
    if point.path is not None:
        whom = ["-f", f"--attach={pid}", f"--trace-path={folder / point.path}"]
    elif point.thread is not None:
        whom = [f"--attach={threads_of(pid)[point.thread]}"]
    else:
        whom = ["-f", f"--attach={pid}"]
    yield from _attached([*whom, *inject], log)


def _attached(words: list[str], log: Path) -> Iterator[None]:
    calls = ["-e", f"trace={','.join(_CALLS)}"]
    form = ["--decode-fds=path", "--string-limit=0", f"--output={log}"]
    with subprocess.Popen(
        ["strace", *form, *calls, *words], stderr=subprocess.PIPE, text=True
    ) as strace:
        assert strace.stderr
        said = strace.stderr.readline()
        while "Requested path" in said:  # it says so where a path is not canonical
            said = strace.stderr.readline()
        assert "attached" in said, said
        try:
            yield
        finally:
            strace.communicate(timeout=COMMAND_SECONDS)
