"""What is ours alone stays so, whatever the umask, and is not ours elsewhere."""

import os
import pwd
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.issuing import ScriptedIssuer
from tests.faults.signing_in import sign_in
from tests.system.person import Person, daemon, own

DIRECTORY_UNSAFE = 26
NOBODY = pwd.getpwnam("nobody").pw_uid


def modes(*folders: Path) -> dict[str, set[int]]:
    """The modes of all folders and of all else."""
    found: dict[str, set[int]] = {"folders": set(), "files": set()}
    for folder in folders:
        for path in (folder, *folder.rglob("*")):
            kind = "folders" if path.is_dir() else "files"
            found[kind].add(path.lstat().st_mode & 0o7777)
    return found


@pytest.mark.parametrize("umask", ["000", "077"])
def test_files_and_folders_are_the_persons_alone_whatever_the_umask(
    person: Person, issuer: ScriptedIssuer, umask: str
) -> None:
    started = person.run("sh", "-c", f"umask {umask}; exec brokerctl init --key plain")
    assert started.status == 0, started
    sign_in(person, "work", issuer)
    person.token("work")
    state, runtime = person.store.parent, person.runtime / "brokerd"
    assert modes(state, runtime) == {"folders": {0o700}, "files": {0o600}}
    assert person.brokerctl("stop").status == 0
    assert modes(state, runtime) == {"folders": {0o700}, "files": {0o600}}


def of_another(folder: Path) -> None:
    folder.mkdir(0o700)
    os.chown(folder, NOBODY, NOBODY)


def a_symbolic_link(folder: Path) -> None:
    there = folder.with_name("there")
    there.mkdir(0o700)
    own(there)
    folder.symlink_to(there)
    os.lchown(folder, there.stat().st_uid, there.stat().st_gid)


def open_to_all(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    own(folder)


@pytest.mark.parametrize("make", [of_another, a_symbolic_link, open_to_all])
@pytest.mark.parametrize("which", ["state", "runtime"])
def test_a_folder_that_is_not_the_persons_alone_is_refused_and_left_as_it_is(
    person: Person, which: str, make: Callable[[Path], None]
) -> None:
    folder = person.store.parent if which == "state" else person.runtime / "brokerd"
    folder.parent.mkdir(parents=True, exist_ok=True)
    for parent in (folder.parent, folder.parent.parent):
        if parent.is_relative_to(person.home):
            own(parent)
    make(folder)
    before = folder.lstat()
    refused = person.run("brokerd")
    assert refused.status == DIRECTORY_UNSAFE, refused
    assert str(folder) in refused.complaint
    assert "brokerd: hint:" in refused.complaint
    after = folder.lstat()
    assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "request_line", ["POST /v1/token", "GET /v1/accounts", "GET /v1/status"]
)
def test_another_user_who_reaches_the_socket_is_refused(
    person: Person, issuer: ScriptedIssuer, request_line: str
) -> None:
    with daemon(person):
        sign_in(person, "work", issuer)
        # The wall of the folder is taken away: the kernel's word is the next one.
        for path in (person.runtime, person.socket.parent):
            path.chmod(0o755)
        person.socket.chmod(0o666)
        for stranger in (NOBODY, pwd.getpwnam("root").pw_uid):
            answer = answer_to(stranger, person.socket, request_line)
            assert answer.startswith(b"HTTP/1.1 403 "), answer
            assert b"work" not in answer
        own_answer = answer_to(person.home.stat().st_uid, person.socket, request_line)
        assert own_answer.startswith(b"HTTP/1.1 200 ")


def answer_to(uid: int, path: Path, request_line: str) -> bytes:
    """What a process of this user is answered."""
    reads, writes = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setuid(uid)
            os.write(writes, ask(path, request_line))
        finally:
            os._exit(0)
    os.close(writes)
    with os.fdopen(reads, "rb") as answer:
        heard = answer.read()
    assert os.waitpid(pid, 0)[1] == 0
    return heard


def ask(path: Path, request_line: str) -> bytes:
    head = f"{request_line} HTTP/1.1\r\nHost: broker\r\nContent-Length: 2\r\n\r\n"
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(20)
        door.connect(str(path))
        door.sendall(head.encode() + b"{}")
        return door.recv(4000)
