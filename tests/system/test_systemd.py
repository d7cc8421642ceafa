"""The service under a real `systemd --user`: the socket starts the daemon."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.hunt import hunt
from tests.system.issuers import Sandbox
from tests.system.person import USER, Person, own
from tests.system.sign_in import sign_in
from tests.system.user_manager import user_manager
from tests.system.waiting import wait_until


@pytest.fixture
def session(person: Person) -> Iterator[Person]:
    with user_manager(person) as inside:
        yield inside


def facts_of(pid: int, page: str) -> dict[str, str]:
    """A page of /proc/PID, as the first words of its lines to the rest."""
    lines = Path(f"/proc/{pid}/{page}").read_text().splitlines()
    return {k: v.strip() for k, _, v in (line.partition(":") for line in lines)}


def state(session: Person) -> dict[str, object]:
    return session.json("service", "status")


def test_a_token_that_nobody_waits_with_is_served_by_a_daemon_that_the_socket_starts(
    session: Person, quick_sandbox: Sandbox
) -> None:
    installed = session.json("service", "install")
    assert installed["listening"] == "active"
    assert installed["daemon"] == "inactive"

    sign_in(session, "demo", quick_sandbox)
    assert state(session)["daemon"] == "active"
    stopped = session.run("systemctl", "--user", "stop", "brokerd.service")
    assert stopped.status == 0, stopped
    assert state(session)["daemon"] == "inactive"

    token = session.token("demo")
    assert quick_sandbox.accepts(token)
    assert state(session)["daemon"] == "active"
    hunt(session, [token])


def test_the_daemon_is_hardened_as_the_unit_says(session: Person) -> None:
    session.json("service", "install")
    session.json("accounts")
    pid = session.pid_of_daemon()
    status = facts_of(pid, "status")
    assert status["Seccomp"] == "2"
    assert status["NoNewPrivs"] == "1"
    assert status["Umask"] == "0077"
    limits = Path(f"/proc/{pid}/limits").read_text()
    (core,) = [line for line in limits.splitlines() if "core file" in line]
    assert core.split()[4:6] == ["0", "0"]


def test_a_killed_daemon_is_started_again_and_the_socket_stays(
    session: Person, quick_sandbox: Sandbox
) -> None:
    session.json("service", "install")
    sign_in(session, "demo", quick_sandbox)
    killed = session.pid_of_daemon()
    os.kill(killed, signal.SIGKILL)
    assert quick_sandbox.accepts(session.token("demo"))
    assert session.pid_of_daemon() != killed


def test_install_takes_over_from_a_daemon_that_was_started_by_hand(
    session: Person, quick_sandbox: Sandbox
) -> None:
    sign_in(session, "demo", quick_sandbox)
    by_hand = session.pid_of_daemon()
    assert session.json("service", "install")["stopped_daemon"] is True
    assert quick_sandbox.accepts(session.token("demo"))
    assert session.pid_of_daemon() != by_hand
    assert state(session)["daemon"] == "active"


def test_the_installed_units_give_systemd_nothing_to_complain_of(
    session: Person,
) -> None:
    files = session.json("service", "install")["wrote"]
    assert isinstance(files, list)
    verdict = session.run("systemd-analyze", "--user", "verify", *files)
    assert verdict.output + verdict.complaint == ""
    assert verdict.status == 0


def test_uninstall_ends_the_daemon_and_leaves_the_accounts(
    session: Person, quick_sandbox: Sandbox
) -> None:
    session.json("service", "install")
    sign_in(session, "demo", quick_sandbox)
    pid = session.pid_of_daemon()
    session.json("service", "uninstall")
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the daemon ends")
    assert state(session)["installed"] is False
    # Now brokerctl starts it again by itself, with the grant as it was.
    assert quick_sandbox.accepts(session.token("demo"))
    assert session.brokerctl("stop").status == 0


def test_a_store_under_a_credential_opens_for_the_unit_that_is_given_it(
    session: Person, quick_sandbox: Sandbox
) -> None:
    key = session.home / "brokerd.key"
    key.write_bytes(os.urandom(32))
    session.json("service", "install")
    folder = session.home / ".config/systemd/user/brokerd.service.d"
    folder.mkdir()
    (folder / "key.conf").write_text(
        "[Service]\nLoadCredential=brokerd-key:%h/brokerd.key\n"
    )
    for path in (key, folder, folder / "key.conf"):
        own(path)
    key.chmod(0o600)
    assert session.run("systemctl", "--user", "daemon-reload").status == 0

    session.json("init", "--key", "systemd-credential")
    sign_in(session, "demo", quick_sandbox)
    stopped = session.run("systemctl", "--user", "stop", "brokerd.service")
    assert stopped.status == 0, stopped
    assert quick_sandbox.accepts(session.token("demo"))

    # The same store, but a daemon that no unit has given the key.
    session.json("service", "uninstall")
    locked = session.brokerctl("token", "demo")
    assert locked.status == 16, locked
    assert "no credential brokerd-key" in locked.complaint
    assert session.brokerctl("stop").status == 0


def test_the_unit_lets_a_socket_be_given_to_a_group(
    session: Person, quick_sandbox: Sandbox
) -> None:
    shared = session.home.parent / "shared"
    shared.mkdir(mode=0o711)
    own(shared)
    session.json("service", "install")
    sign_in(session, "demo", quick_sandbox)
    path = shared / "ci.sock"
    words = ("--account=demo", f"--group={USER}", f"--path={path}")
    session.json("socket", "add", "ci", *words)
    assert facts_of(session.pid_of_daemon(), "status")["Seccomp"] == "2"
    found = path.stat()
    assert (found.st_mode & 0o777, found.st_gid) == (0o660, shared.stat().st_gid)

    # A service that is started again brings it back, for whoever has its folder.
    usual = session.json("socket", "add", "usual", "--account=demo")["path"]
    stopped = session.run("systemctl", "--user", "stop", "brokerd.service")
    assert stopped.status == 0, stopped
    session.json("accounts")
    for each in (str(path), str(usual)):
        said = session.run("brokerctl", "token", BROKERD_SOCKET=each)
        assert said.status == 0, said


def test_the_unit_is_told_when_a_program_with_a_socket_of_its_own_is_killed(
    session: Person, quick_sandbox: Sandbox
) -> None:
    session.json("service", "install")
    sign_in(session, "demo", quick_sandbox)
    assert facts_of(session.pid_of_daemon(), "status")["Seccomp"] == "2"
    sleep = "exec sleep 20 >/dev/null 2>&1"  # it is nobody's child in the end
    words = ("socket", "run", "job", "--account=demo", "--", "sh", "-c", sleep)
    job = session.start("brokerctl", *words)
    wait_until(lambda: session.json("socket", "list")["sockets"] != [], "the socket")
    job.kill()
    wait_until(lambda: session.json("socket", "list")["sockets"] == [], "its end")
    job.communicate()
