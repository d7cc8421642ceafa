"""What a loss of power may leave of files, by the trace of what was done to them.

A write is on disk once its file was synced; before that it may be there, wholly, in
part or not at all, whatever became of others. A name is there, or gone, once its folder
was synced; before that names change in their order, but only so far. No file system
promises more; most keep more.
"""

import copy
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

_CALL = re.compile(r"^\d+ +(\w+)\((.*)$")
_UNFINISHED = " <unfinished ...>"
_RESUMED = re.compile(r"^\d+ +<\.\.\. \w+ resumed>(.*)$")
_TEXT = re.compile(r'[<"]((?:\\x[0-9a-f]{2})*)[>"]')
_NUMBERS = re.compile(r", (\d+)(?:, (\d+))?\)")

SECTOR = 512
"""Bytes that a disk writes wholly or not at all."""

Names = dict[str, int]
"""By name, the number of its file."""


@dataclass(frozen=True)
class Write:
    """Bytes at a place in a file; a cut where there are none."""

    at: int
    data: bytes | None

    def onto(self, content: bytes) -> bytes:
        if self.data is None:
            return content[: self.at].ljust(self.at, b"\0")
        padded = content.ljust(self.at, b"\0")
        return padded[: self.at] + self.data + padded[self.at + len(self.data) :]

    @property
    def torn(self) -> "Write":
        """Half of it, in whole sectors."""
        data = self.data or b""
        return replace(self, data=data[: len(data) // 2 // SECTOR * SECTOR])


@dataclass
class File:
    """A file: what is on disk, and the writes since, which may not be."""

    content: bytes = b""
    writes: list[Write] = field(default_factory=list)

    def with_writes(self, writes: Iterable[Write]) -> bytes:
        content = self.content
        for write in writes:
            content = write.onto(content)
        return content


@dataclass
class Disk:
    """One folder.

    Attributes:
        folder: as it is called in the trace.
        names: as they are on disk.
        changes: what the names became since, one after the other.
        done: how many deeds the process has said are done.
    """

    folder: str
    files: list[File] = field(default_factory=list)
    names: Names = field(default_factory=dict)
    changes: list[Names] = field(default_factory=list)
    done: int = 0

    @property
    def now(self) -> Names:
        """The names as every process sees them."""
        return self.changes[-1] if self.changes else self.names

    def after(self, call: str, texts: list[bytes], numbers: list[int]) -> None:
        """Take one call of the trace."""
        paths = [text.decode(errors="replace") for text in texts]
        names = [p.removeprefix(self.folder + "/") for p in paths if self._is_ours(p)]
        match call, names:
            case "openat", [name, *_] if name not in self.now:
                self.files.append(File())
                self._rename({**self.now, name: len(self.files) - 1})
            case "linkat" | "link", [old, new]:
                self._rename({**self.now, new: self.now[old]})
            case "rename", [old, new]:
                rest = {n: f for n, f in self.now.items() if n != old}
                self._rename({**rest, new: self.now[old]})
            case "unlink", [name] if name in self.now:
                self._rename({n: f for n, f in self.now.items() if n != name})
            case "ftruncate", [name]:
                self._file(name).writes.append(Write(numbers[0], None))
            case "pwrite64" | "write", [name]:
                at = numbers[1] if call == "pwrite64" else 0
                self._file(name).writes.append(Write(at, texts[1]))
            case "fsync" | "fdatasync", [name]:
                file = self._file(name)
                file.content, file.writes = file.with_writes(file.writes), []
            case "fsync" | "fdatasync", []:
                self.names, self.changes = self.now, []

    def _is_ours(self, path: str) -> bool:
        return path.startswith(self.folder + "/")

    def _file(self, name: str) -> File:
        return self.files[self.now[name]]

    def _rename(self, names: Names) -> None:
        self.changes.append(names)

    def remains(self) -> Iterator[dict[str, bytes]]:
        """What may be found after a loss of power now: by name, the content.

        Not every subset: none and all of the writes, all but one, only one, only the
        first so many, and all with the last one torn.
        """
        pending = [
            (number, write)
            for number, file in enumerate(self.files)
            for write in file.writes
        ]
        for names in [self.names, *self.changes]:
            for kept in _subsets(pending):
                yield {name: self._remaining(n, kept) for name, n in names.items()}

    def _remaining(self, number: int, kept: list[tuple[int, Write]]) -> bytes:
        writes = [write for of, write in kept if of == number]
        return self.files[number].with_writes(writes)


Pending = list[tuple[int, Write]]


def _subsets(pending: Pending) -> Iterator[Pending]:
    yield []
    for n in range(len(pending)):
        yield pending[: n + 1]
        yield [pending[n]]
        yield pending[:n] + pending[n + 1 :]
    if pending:
        number, last = pending[-1]
        yield [*pending[:-1], (number, last.torn)]


def moments(trace: Path, folder: Path, done: bytes) -> Iterator[Disk]:
    """The disk at each moment before a sync, and where a deed is done.

    Between two of them there is only less to lose.

    Args:
        trace: of strace with `-f -y -xx`.
        folder: where the files are.
        done: what the process writes when a deed is done.
    """
    disk = Disk(str(folder))
    for line in _whole(trace.read_text().splitlines()):
        found = _CALL.match(line)
        if found is None:
            continue
        call, rest = found[1], found[2]
        texts = [_bytes(text) for text in _TEXT.findall(rest)]
        if done in texts:
            yield copy.deepcopy(disk)
            disk.done += 1
        if call in ("fsync", "fdatasync"):
            yield copy.deepcopy(disk)
        is_folder = texts[:1] == [bytes(folder)]
        if is_folder or any(
            disk._is_ours(text.decode(errors="replace")) for text in texts
        ):
            numbers = _NUMBERS.findall(rest)
            disk.after(
                call, texts, [int(n or 0) for n in numbers[-1]] if numbers else []
            )
    yield disk


def _whole(lines: list[str]) -> Iterator[str]:
    """Each call in one line, where it ended: strace cuts a call in two when another
    thread makes one in the meantime.
    """
    begun: dict[str, str] = {}
    for line in lines:
        thread = line.split(maxsplit=1)[0]
        if line.endswith(_UNFINISHED):
            begun[thread] = line.removesuffix(_UNFINISHED)
        elif rest := _RESUMED.match(line):
            yield begun.pop(thread) + rest[1]
        else:
            yield line


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))
