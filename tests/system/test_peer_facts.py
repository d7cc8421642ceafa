"""What a daemon of an ordinary user sees of real programs at its socket."""

import json
import os
import pwd
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.system.person import BIN, USER, Person, own
from tests.system.terminal import terminal
from tests.system.user_manager import user_manager
from tests.system.waiting import wait_until

PYTHON = BIN / "python"
UID = pwd.getpwnam(USER).pw_uid

ASK = """
import os, socket, sys
asking = socket.socket(socket.AF_UNIX)
asking.connect(sys.argv[1])
"""
STAY = "import time; time.sleep(100)\n"


@dataclass
class Looker:
    """The broker's eye, in a process of the person's own."""

    process: subprocess.Popen[str]
    path: Path

    def see(self, word: str = "accept") -> dict[str, object]:
        """The facts of the next peer, or of the one before where `word` is 'again'."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        seen: dict[str, object] = json.loads(self.process.stdout.readline())
        return seen


@contextmanager
def looking(person: Person) -> Iterator[Looker]:
    program = person.home.parent / "looker.py"
    program.write_text(Path(__file__).with_name("looker.py").read_text())
    path = person.home / "looker.sock"
    process = person.start(
        str(PYTHON), str(program), str(path), stdin=subprocess.PIPE, stderr=2
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "listening\n"
    try:
        yield Looker(process, path)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def looker(person: Person) -> Iterator[Looker]:
    with looking(person) as one:
        yield one


def written(person: Person, name: str, text: str) -> str:
    path = person.home / name
    path.write_text(text)
    path.chmod(0o755)
    own(path)
    return str(path)


@contextmanager
def running(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def claim(value: str) -> dict[str, str]:
    return {"value": value, "certainty": "claim"}


def guess(value: str) -> dict[str, str]:
    return {"value": value, "certainty": "guess"}


def test_a_python_script(person: Person, looker: Looker) -> None:
    script = written(person, "backup.py", ASK + STAY)
    with running(person.start(str(PYTHON), script, str(looker.path))) as process:
        seen = looker.see()
    assert seen["uid"] == UID
    assert seen["pid"] == process.pid
    assert seen["pid_certainty"] == "fact"
    assert seen["executable"] == claim(os.path.realpath(PYTHON))
    assert seen["script"] == guess(script)
    assert seen["has_exited"] is False


def test_a_shell_script_asks_through_the_program_that_it_runs(
    person: Person, looker: Looker
) -> None:
    # The shell itself connects to nothing: who asks is curl, and that is told.
    line = 'exec curl --silent --max-time 60 --unix-socket "$1" http://localhost/\n'
    script = written(person, "ask.sh", "#!/bin/sh\n" + line)
    with running(person.start(script, str(looker.path))):
        seen = looker.see()
    assert seen["executable"] == claim("/usr/bin/curl")
    assert seen["script"] is None


def test_connect_then_exec_is_told_as_what_runs_now(
    person: Person, looker: Looker
) -> None:
    # What cannot be stopped: the socket may be in the hands of a helper besides.
    becomes = "os.execv('/bin/sh', ['sh', sys.argv[2]])\n"
    connects = written(person, "connect.py", ASK + becomes)
    trusted = written(person, "trusted.sh", "kill -STOP $$\n")
    words = (str(PYTHON), connects, str(looker.path), trusted)
    with running(person.start(*words)) as process:
        wait_until(lambda: command(process.pid) == "sh", "the shell runs")
        seen = looker.see()
    assert seen["executable"] == claim(os.path.realpath("/bin/sh"))
    assert seen["script"] == guess(trusted)


def test_a_unit_of_the_persons_own_manager(person: Person) -> None:
    with user_manager(person) as session, looking(session) as looker:
        script = written(person, "backup.py", ASK + STAY)
        words = (str(PYTHON), script, str(looker.path))
        run = session.run("systemd-run", "--user", "--unit=backup", *words)
        assert run.status == 0, run
        seen = looker.see()
    assert seen["unit"] == claim("backup.service")
    assert seen["script"] == guess(script)


def test_a_program_at_a_terminal(person: Person, looker: Looker) -> None:
    script = written(person, "ask.py", ASK + STAY)
    words = ("setsid", "--ctty", str(PYTHON), script, str(looker.path))
    with (
        terminal(person) as sits,
        running(person.start(*words, stdin=sits.device)),
    ):
        seen = looker.see()
        name = os.ttyname(sits.device).removeprefix("/dev/")
    assert seen["tty"] == claim(name)


def test_a_peer_that_was_killed_after_it_connected(
    person: Person, looker: Looker
) -> None:
    script = written(person, "ask.py", ASK + STAY)
    with running(person.start(str(PYTHON), script, str(looker.path))) as process:
        assert looker.see()["has_exited"] is False
        process.send_signal(signal.SIGKILL)
        process.wait()
        seen = looker.see("again")
    assert {name for name, value in seen.items() if value is None} >= {
        *("executable", "command", "unit", "tty", "script", "started")
    }
    assert (seen["has_exited"], seen["uid"], seen["pid"]) == (True, UID, process.pid)


def test_a_name_that_a_peer_gives_its_socket_changes_nothing(
    person: Person, looker: Looker
) -> None:
    # CVE-2019-7304, facts of the kernel's struct alone.
    named = ASK.replace("asking.connect", "asking.bind(';uid=0;')\nasking.connect")
    script = written(person, "ask.py", named + STAY)
    with running(person.start(str(PYTHON), script, str(looker.path))):
        assert looker.see()["uid"] == UID


def test_root_in_a_user_namespace_is_still_the_person(
    person: Person, looker: Looker
) -> None:
    script = written(
        person, "ask.py", "import os\nassert os.getuid() == 0\n" + ASK + STAY
    )
    words = ("unshare", "--user", "--map-root-user", str(PYTHON), script)
    with running(person.start(*words, str(looker.path))) as process:
        seen = looker.see()
    assert (seen["uid"], seen["pid"]) == (UID, process.pid)
    # Its command line may lie on a file system of its own, which need not answer.
    assert seen["script"] is None


def test_a_peer_of_another_user_whose_program_is_closed_to_us(
    person: Person, looker: Looker
) -> None:
    script = written(person, "ask.py", ASK + STAY)
    with subprocess.Popen([PYTHON, script, looker.path]) as process:
        seen = looker.see()
        process.kill()
    assert (seen["uid"], seen["pid"]) == (0, process.pid)
    assert (seen["executable"], seen["script"]) == (None, None)
    assert seen["command"] == claim("python")


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()
