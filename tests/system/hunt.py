"""Looks for secrets where they must not be."""

import pwd
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.system.person import USER, Person

_LOOK_AGAIN_SECONDS = 0.03
_TEMPORARY = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))  # noqa: S108 - looked at


def hunt(person: Person, secrets: Iterable[str], *, kept: Iterable[str] = ()) -> None:
    """Fail if a secret was said by a command, logged, or lies in the home in clear.

    Args:
        person: whose home and whose ears.
        secrets: tokens and client secrets that this test knows.
        kept: names of files of others that hold one rightly, such as an issuer's
            client_secret.json.
    """
    heard = "\n".join(person.heard)
    held = {path: path.read_bytes() for path in _files(person, set(kept))}
    for number, secret in enumerate(secrets):
        assert secret not in heard, f"secret {number} was said"
        holding = [path for path, bytes_ in held.items() if secret.encode() in bytes_]
        assert not holding, f"secret {number} lies in {holding}"


def _files(person: Person, kept: set[str]) -> Iterator[Path]:
    """Of the home, of the runtime folder, and the user's temporary ones."""
    theirs = [path for folder in _TEMPORARY for path in folder.iterdir() if _is(path)]
    for place in (person.home, person.runtime, *theirs):
        for path in (place, *place.rglob("*")):
            if path.is_file() and path.name not in kept:
                yield path


def _is(path: Path) -> bool:
    """Whether it is the user's; what is gone again is not."""
    try:
        return path.lstat().st_uid == pwd.getpwnam(USER).pw_uid
    except FileNotFoundError:
        return False


class Watched:
    """What the processes of the user have shown of themselves.

    Attributes:
        arguments: each command line that was seen, as /proc has it.
        environments: each environment.
    """

    def __init__(self) -> None:
        self.arguments: set[bytes] = set()
        self.environments: set[bytes] = set()

    def look(self) -> None:
        """Once at all of them."""
        uid = pwd.getpwnam(USER).pw_uid
        for process in Path("/proc").iterdir():
            try:
                if not process.name.isdigit() or process.stat().st_uid != uid:
                    continue
                self.arguments.add((process / "cmdline").read_bytes())
                self.environments.add((process / "environ").read_bytes())
            except OSError:  # it has ended
                continue

    def holding(self, secrets: Iterable[str]) -> list[bytes]:
        """What was seen that holds one of them."""
        wanted = [secret.encode() for secret in secrets]
        seen = self.arguments | self.environments
        return [text for text in seen if any(secret in text for secret in wanted)]


@contextmanager
def watched_processes() -> Iterator[Watched]:
    """Look at every process of the user, again and again until the end.

    The daemon's own are closed even to the user; root sees them, and looks.
    """
    watched, over = Watched(), threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK_AGAIN_SECONDS):
            watched.look()

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield watched
    finally:
        over.set()
        watching.join()
        watched.look()
