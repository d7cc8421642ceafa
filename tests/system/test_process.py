"""The daemon's process is closed to other programs of the same user."""

import os
import pwd
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.system.issuers import Sandbox
from tests.system.person import USER, Person, daemon
from tests.system.sign_in import sign_in
from tests.system.waiting import wait_until

CLOSED = ("mem", "environ", "maps", "auxv", "io")
"""Of /proc/PID: contents, or what says where they lie."""


def test_a_debugger_of_the_same_user_cannot_attach(person: Person) -> None:
    neighbour = person.start("sleep", "60")
    with daemon(person) as running:
        said = gdb(person, running.pid)
        assert "Operation not permitted" in said
        # What is refused is this process, and not debugging as such.
        assert "process" in gdb(person, neighbour.pid)
        assert "Operation not permitted" not in gdb(person, neighbour.pid)
    neighbour.kill()
    person.finish(neighbour)


def gdb(person: Person, pid: int) -> str:
    """What it says when it attaches to that process and lets go again."""
    words = ("-nx", "-batch", "-ex", "set debuginfod enabled off")
    said = person.run("gdb", *words, "-ex", f"attach {pid}", "-ex", "info inferiors")
    return said.output + said.complaint


@pytest.mark.parametrize("page", CLOSED)
def test_what_it_holds_cannot_be_read_by_the_same_user(
    page: str, person: Person
) -> None:
    neighbour = person.start("sleep", "60")
    with daemon(person) as running:
        for pid, is_closed in ((running.pid, True), (neighbour.pid, False)):
            said = person.run("head", "-c", "0", f"/proc/{pid}/{page}")
            assert (said.status != 0) is is_closed, said
        listed = person.run("ls", f"/proc/{running.pid}/fd", f"/proc/{running.pid}/exe")
        assert listed.status != 0
    neighbour.kill()
    person.finish(neighbour)


def test_a_crash_leaves_no_core(person: Person, quick_sandbox: Sandbox) -> None:
    sign_in(person, "work", quick_sandbox)
    person.brokerctl("stop")
    with daemon(person) as running:
        person.token("work")
        limits = Path(f"/proc/{running.pid}/limits").read_text()
        assert re.search(r"Max core file size +0 +0 ", limits)
        os.kill(running.pid, signal.SIGSEGV)
        running.wait(30)
        assert running.returncode == -signal.SIGSEGV
        # The kernel says in the status whether it wrote one; so does its name.
        assert not list(person.home.rglob("core*"))


def test_a_variable_that_would_weaken_it_is_not_heeded(person: Person) -> None:
    misled = {
        "SSLKEYLOGFILE": str(person.home / "keys.log"),
        "OAUTHLIB_INSECURE_TRANSPORT": "1",
        "BROWSER": f"touch {person.home}/opened",
    }
    person.session.update(misled)
    refused = person.brokerctl(
        "login",
        "work",
        "--no-browser",
        "--issuer=http://issuer.example",
        "--client-id=x",
    )
    assert refused.status != 0
    assert "https" in refused.complaint
    reached = person.brokerctl(
        "login", "work", "--no-browser", "--issuer=https://127.0.0.1:1", "--client-id=x"
    )
    assert reached.status != 0
    assert not (person.home / "keys.log").exists()
    assert not (person.home / "opened").exists()


def test_no_descriptor_outlives_an_exec(person: Person) -> None:
    with daemon(person) as running:
        person.brokerctl("status")
        folder = Path(f"/proc/{running.pid}/fdinfo")
        flags = {
            entry.name: re.search(r"flags:\s+(\d+)", entry.read_text())
            for entry in folder.iterdir()
        }
        kept = {n for n, f in flags.items() if f and not int(f[1], 8) & os.O_CLOEXEC}
        assert kept <= {"0", "1", "2"}


def test_root_has_a_broker_of_its_own(person: Person, tmp_path: Path) -> None:
    environment = {
        **person.environment,
        "HOME": str(tmp_path),
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
    }
    (tmp_path / "run").mkdir(mode=0o700)
    said = as_root(environment, "status", "--json")
    assert said.returncode == 0, said.stderr
    assert as_root(environment, "stop").returncode == 0


def test_root_does_not_run_a_broker_on_another_users_state(person: Person) -> None:
    assert person.brokerctl("status").status == 0
    person.brokerctl("stop")
    said = as_root(person.environment, "token", "work")
    assert said.returncode != 0
    assert "hint:" in said.stderr
    entry = pwd.getpwnam(USER)
    for path in person.home.rglob("*"):
        assert path.lstat().st_uid == entry.pw_uid, path


def as_root(
    environment: dict[str, str], *words: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["brokerctl", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_does_not_run_set_uid(person: Person) -> None:
    # As a set-uid program would run: the one user real, the other effective.
    said = subprocess.run(
        ["setpriv", "--ruid", USER, "brokerd", "--log-level=debug"],
        env=person.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert said.returncode != 0
    assert "set-uid" in said.stderr
    wait_until(lambda: not person.socket.exists(), "nothing serves")
