"""A real `systemd --user` for the person, and a shell in its namespace."""

import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.system.person import USER, Person
from tests.system.waiting import wait_until

_SCRIPT = Path(__file__).parent / "user_manager.sh"


@contextmanager
def user_manager(person: Person) -> Iterator[Person]:
    """The same person in a session of theirs, in which a user manager runs.

    Yields:
        the person, whose commands see the manager; the home is the same.
    """
    uid = pwd.getpwnam(USER).pw_uid
    log = person.home.parent / "systemd.log"
    with log.open("w") as stderr:
        manager = subprocess.Popen(
            [
                *("unshare", "--mount", "--propagation", "private"),
                *(str(_SCRIPT), USER, str(person.home)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=stderr,
            stderr=stderr,
        )
    # unshare, bash and setpriv each become the next: the manager has their pid, and
    # through it the files of its namespace can be seen from here.
    runtime = Path(f"/run/user/{uid}")
    ready = Path(f"/proc/{manager.pid}/root{runtime}/systemd/private")
    inside = Person(
        home=person.home,
        runtime=runtime,
        wrapper=(
            *("nsenter", f"--target={manager.pid}", "--mount"),
            *("setpriv", f"--reuid={uid}", f"--regid={uid}", "--init-groups"),
        ),
        heard=person.heard,
    )
    try:
        wait_until(
            lambda: manager.poll() is not None or ready.exists(), "systemd --user"
        )
        assert manager.poll() is None, log.read_text()
        yield inside
        inside.run("systemctl", "--user", "exit")
    finally:
        manager.terminate()
        manager.wait()
        # The mount point lies outside of the namespace, and wine would want to use it.
        with suppress(OSError):
            runtime.rmdir()
        person.heard.append(log.read_text())
