"""Small disks of the person's own, to fill, to break and to take away."""

import contextlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.system.person import Person, own

STEP = 4096


@contextmanager
def small_disk(person: Person, *options: str) -> Iterator[Path]:
    """The state folder is a file system of its own.

    Args:
        person: whose state folder; no daemon runs yet.
        options: of tmpfs, such as 'size=300k' or 'nr_inodes=9'.
    """
    folder = person.store.parent
    folder.mkdir(parents=True)
    for parent in (folder, folder.parent, folder.parent.parent):
        own(parent)
    mount("-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder))
    folder.chmod(0o700)
    own(folder)
    try:
        yield folder
    finally:
        person.brokerctl("stop")
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def disk_with_errors(person: Person) -> Iterator[Path]:
    """The state folder is an ext4 that can be told that it has met an error."""
    image = person.home.parent / "disk"
    with image.open("wb") as disk:
        disk.truncate(16 * 1024 * 1024)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    folder = person.store.parent
    folder.mkdir(parents=True)
    for parent in (folder.parent, folder.parent.parent):
        own(parent)
    mount("-o", "loop,errors=remount-ro", str(image), str(folder))
    folder.chmod(0o700)
    own(folder)
    try:
        yield folder
    finally:
        person.brokerctl("stop")
        subprocess.run(["umount", str(folder)], check=True)


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def fill(folder: Path) -> Path:
    """Take all space, to the last page; what took it is returned."""
    taken = folder / "taken"
    with taken.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * STEP)
    return taken


def fill_inodes(folder: Path) -> list[Path]:
    """Take all names that there can be; they are returned."""
    taken: list[Path] = []
    with contextlib.suppress(OSError):
        while True:
            path = folder / f"taken-{len(taken)}"
            path.touch()
            taken.append(path)
    return taken
