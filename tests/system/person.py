"""An ordinary user of the machine, with brokerd installed and a home of their own."""

import json
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

# Also known to prepare.sh, which makes them.
USER = os.environ.get("BROKERD_TEST_USER", "brokertest")
PLACE = Path(os.environ.get("BROKERD_TEST_PLACE", "/var/lib/brokerd-test"))
BIN = PLACE / "venv/bin"

COMMAND_SECONDS = 60
"""Far more than any command here needs: it ends a test that hangs."""


@dataclass(frozen=True)
class Said:
    """What a command said."""

    status: int
    output: str
    complaint: str


@dataclass
class Person:
    """Runs commands as the user, and remembers all that they said.

    Attributes:
        home: HOME.
        runtime: XDG_RUNTIME_DIR.
        wrapper: words before every command, such as those that enter a namespace
            and become the user there.
        heard: every output, but the tokens that were asked for.
        session: further variables, such as the address of a D-Bus.
    """

    home: Path
    runtime: Path
    wrapper: Sequence[str] = ()
    heard: list[str] = field(default_factory=list)
    session: dict[str, str] = field(default_factory=dict)

    @property
    def socket(self) -> Path:
        return self.runtime / "brokerd/broker.sock"

    @property
    def store(self) -> Path:
        return self.home / ".local/state/brokerd/store.db"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "USER": USER,
            "LOGNAME": USER,
            "LANG": "C.UTF-8",
            "PATH": f"{BIN}:/usr/bin:/bin",
            "XDG_RUNTIME_DIR": str(self.runtime),
            **self.session,
        }

    def start(
        self,
        *words: str,
        stdin: int = subprocess.DEVNULL,
        stderr: int = subprocess.PIPE,
        pass_fds: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """Start a command; whoever does awaits it with `finish`."""
        user = None if self.wrapper else USER
        return subprocess.Popen(
            [*self.wrapper, *words],
            cwd=self.home,
            env={**self.environment, **(environment or {})},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            user=user,
            group=user,
            extra_groups=None if self.wrapper else [],
            pass_fds=pass_fds,
        )

    def finish(self, process: subprocess.Popen[str], typed: str | None = None) -> Said:
        """Await a command's end, and remember what it said."""
        try:
            output, complaint = process.communicate(typed, COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            output, complaint = process.communicate()
            raise AssertionError(f"hangs: {process.args!r}: {complaint}") from None
        self.heard += [output or "", complaint or ""]
        return Said(process.returncode, output or "", complaint or "")

    def run(self, *words: str, **environment: str) -> Said:
        """Run a command to its end."""
        return self.finish(self.start(*words, environment=environment))

    def brokerctl(self, *words: str) -> Said:
        return self.run("brokerctl", *words)

    def types(self, lines: str, *words: str) -> Said:
        """Brokerctl, with these lines piped in."""
        process = self.start("brokerctl", *words, stdin=subprocess.PIPE)
        return self.finish(process, lines)

    def json(self, *words: str) -> dict[str, object]:
        """What brokerctl answers in JSON; it must succeed."""
        said = self.brokerctl(*words, "--json")
        assert said.status == 0, said
        answer: dict[str, object] = json.loads(said.output)
        return answer

    def token(self, *words: str) -> str:
        """The bare token that `brokerctl token` prints; it is not remembered."""
        said = self.brokerctl("token", *words)
        assert said.status == 0, said
        self.heard.remove(said.output)
        return said.output.removesuffix("\n")

    def pid_of_daemon(self) -> int:
        pid = self.json("status")["pid"]
        assert isinstance(pid, int)
        return pid


@contextmanager
def new_person() -> Iterator[Person]:
    """A user with an empty home and no daemon; both are gone at the end."""
    place = Path(tempfile.mkdtemp(dir=PLACE))
    place.chmod(0o755)
    person = Person(home=place / "home", runtime=place / "run")
    for folder in (person.home, person.runtime):
        folder.mkdir(mode=0o700)
        own(folder)
    try:
        yield person
        # Whichever daemon a command has started by itself ends with the test.
        person.brokerctl("stop")
    finally:
        shutil.rmtree(place)


def own(path: Path | str) -> None:
    """Make a file or folder the user's."""
    entry = pwd.getpwnam(USER)
    os.chown(path, entry.pw_uid, entry.pw_gid)


@contextmanager
def daemon(person: Person) -> Iterator[subprocess.Popen[str]]:
    """`brokerd` in the foreground, as a person starts it by hand; its log is heard."""
    reads, writes = os.pipe()
    log = person.home.parent / "brokerd.log"
    with log.open("a") as stderr, os.fdopen(reads) as ready:
        process = person.start(
            "brokerd",
            "--log-level=debug",
            f"--ready-fd={writes}",
            stderr=stderr.fileno(),
            pass_fds=[writes],
        )
        os.close(writes)
        answer = ready.readline()
        assert '"ready"' in answer, answer + log.read_text()
    try:
        yield process
    finally:
        process.terminate()
        person.finish(process)
        person.heard.append(log.read_text())
