"""Restricted sockets: walls where the operating system has them, and what goes past.

The daemon runs as an ordinary user; those who come are real processes of others.
Numbers are the rows of the table in docs/security.md.
"""

import errno
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest

from tests.system.hunt import hunt
from tests.system.issuers import Sandbox, follow
from tests.system.person import USER, Person, daemon, own
from tests.system.restricted import (
    GROUP,
    MEMBER,
    NOBODY,
    STRANGER,
    as_user,
    asks,
    far_host,
    free_port,
    open_to_all,
    person_in,
    run,
)
from tests.system.sign_in import sign_in
from tests.system.waiting import wait_until

ROOT = as_user(0, 0)


@pytest.fixture
def signed_in(person: Person, quick_sandbox: Sandbox) -> Iterator[Person]:
    """Somebody with an account 'demo', and a daemon."""
    with daemon(person):
        sign_in(person, "demo", quick_sandbox)
        yield person


def add(person: Person, name: str, *words: str) -> Path:
    """The path of a new socket for 'demo'."""
    added = person.json("socket", "add", name, "--account=demo", *words)
    return Path(str(added["path"]))


def through(person: Person, path: Path | str, *words: str) -> int:
    """The exit code of a command of the person's own, through that socket."""
    said = person.run("brokerctl", *words, BROKERD_SOCKET=str(path))
    if words[0] == "token":
        person.heard.remove(said.output)
    return said.status


def test_on_a_restricted_socket_are_its_own_tokens_and_nothing_else(
    signed_in: Person, quick_sandbox: Sandbox
) -> None:  # row 1
    path = add(signed_in, "ci")
    said = signed_in.run("brokerctl", "token", BROKERD_SOCKET=str(path))
    assert quick_sandbox.accepts(said.output.strip())
    signed_in.heard.remove(said.output)
    for words in (
        ["status"],
        ["stop"],
        ["logout", "demo"],
        ["socket", "list"],
        ["socket", "add", "wider", "--account=demo"],
        ["socket", "remove", "ci"],
        ["login", "demo"],
        ["watch"],
        ["export", "demo", "out", "--yes"],
        ["lock"],
    ):
        assert through(signed_in, path, *words) == 22, words
    assert signed_in.json("status")["accounts"] == 1
    hunt(signed_in, [said.output.strip()])


def test_another_user_gets_nothing_whatever_the_files_allow(
    signed_in: Person,
) -> None:  # rows 22, 23
    path, admin = add(signed_in, "ci"), signed_in.socket
    for socket_ in (path, admin):
        assert asks(STRANGER, socket_) == {"refused": errno.EACCES}
    # Were the folders and sockets open to everybody, the daemon asks the kernel.
    open_to_all(
        signed_in.runtime, admin.parent, admin, path.parents[1], path.parent, path
    )
    for socket_ in (path, admin):
        for who in (STRANGER, MEMBER, ROOT):
            assert asks(who, socket_)["code"] == "not_permitted"
    # And the client tells a stranger's socket from its own, before it sends a byte.
    said = run(STRANGER, "brokerctl", "token", BROKERD_SOCKET=str(path))
    assert said.status == 14, said


def test_a_name_at_the_other_end_makes_nobody_of_importance(
    signed_in: Person,
) -> None:  # row 20
    path = add(signed_in, "ci")
    open_to_all(signed_in.runtime, signed_in.socket.parent, path.parents[1])
    open_to_all(path.parent, path)
    uid = signed_in.home.stat().st_uid
    for name in (";uid=0;", f";uid={uid};"):
        bound = signed_in.home.parent / name
        signed_in.home.parent.chmod(0o777)
        assert asks(STRANGER, path, bound)["code"] == "not_permitted"
        bound.unlink()
    signed_in.home.parent.chmod(0o755)


def test_root_of_a_user_namespace_is_whoever_made_it(signed_in: Person) -> None:
    path = add(signed_in, "ci")
    inside = ["unshare", "--user", "--map-root-user"]
    uid = signed_in.home.stat().st_uid
    # The person's own: rootless containers share the boundary.
    mine = asks([*as_user(uid, uid), *inside], path)
    assert "access_token" in mine
    open_to_all(signed_in.runtime, signed_in.socket.parent, path.parents[1])
    open_to_all(path.parent, path)
    assert asks([*STRANGER, *inside], path)["code"] == "not_permitted"


def test_a_groups_socket_serves_its_members_and_nobody_else(
    person: Person, quick_sandbox: Sandbox
) -> None:
    shared = person.home.parent / "shared"
    shared.mkdir()
    os.chown(shared, person.home.stat().st_uid, GROUP[1])
    shared.chmod(0o710)
    member = replace(person, wrapper=person_in(GROUP[1]))
    with daemon(member):
        sign_in(member, "demo", quick_sandbox)
        words = (f"--group={GROUP[0]}", f"--path={shared / 'ci.sock'}")
        path = add(member, "ci", *words)
        found = path.stat()
        assert (found.st_mode & 0o777, found.st_gid) == (0o660, GROUP[1])

        # The client, too, trusts it: only its owner can have put it there.
        said = run(MEMBER, "brokerctl", "token", BROKERD_SOCKET=str(path))
        assert said.status == 0, said
        assert quick_sandbox.accepts(said.output.strip())
        for command in (("status",), ("stop",), ("socket", "list")):
            said = run(MEMBER, "brokerctl", *command, BROKERD_SOCKET=str(path))
            assert said.status == 22, said

        assert asks(STRANGER, path) == {"refused": errno.EACCES}
        assert asks(ROOT, path)["code"] == "not_permitted"
        assert asks(MEMBER, member.socket) == {"refused": errno.EACCES}
        assert through(member, path, "token") == 0


def test_a_group_that_cannot_get_there_is_told_which_folder(
    signed_in: Person,
) -> None:
    said = signed_in.brokerctl("socket", "add", "ci", "--account=demo", "--group=games")
    assert said.status == 2
    assert "a group's socket needs a path" in said.complaint
    closed = signed_in.home / "ci.sock"
    said = signed_in.brokerctl(
        "socket", "add", "ci", "--account=demo", f"--group={USER}", f"--path={closed}"
    )
    assert said.status == 54
    assert f"cannot enter {signed_in.home}" in said.complaint
    assert signed_in.json("socket", "list")["sockets"] == []


@pytest.mark.parametrize("squat", ["folder", "link", "path"])
def test_a_place_that_somebody_else_has_prepared_is_refused(
    signed_in: Person, squat: str
) -> None:  # row 22
    place = signed_in.socket.parent / "sockets"
    if squat == "folder":
        place.mkdir(mode=0o700)
        os.chown(place, NOBODY, NOBODY)
    elif squat == "link":
        place.symlink_to(signed_in.home)
    first_come = Path(gettempdir(), "brokerd-ci.sock")
    words = [f"--path={first_come}"] if squat == "path" else []
    said = signed_in.brokerctl("socket", "add", "ci", "--account=demo", *words)
    assert said.status == 54, said
    assert not first_come.exists()


CONTAINER = """
set -e
mount --bind "$1" /mnt
mount -o remount,bind,ro /mnt
mount -t tmpfs none "$2"
shift 2
exec "$@"
"""


def test_a_container_has_its_own_socket_over_restarts_and_no_other(
    person: Person, quick_sandbox: Sandbox
) -> None:  # row 39
    uid = person.home.stat().st_uid
    with daemon(person):
        sign_in(person, "demo", quick_sandbox)
        path = add(person, "box")
        container = subprocess.Popen(
            [
                *("unshare", "--mount", "--propagation", "private", "sh", "-c"),
                *(CONTAINER, "sh", str(path.parent), str(person.home.parent)),
                *("sleep", "600"),
            ]
        )
        inside = [
            *("nsenter", f"--target={container.pid}", "--mount"),
            *as_user(uid, uid),
        ]
        try:
            wait_until(lambda: _is_mounted(container.pid), "the container")
            _is_contained(inside, person, quick_sandbox)
        except BaseException:
            container.kill()
            raise
    try:
        said = run(inside, "brokerctl", "token", BROKERD_SOCKET="/mnt/broker.sock")
        assert said.status == 3, said
        with daemon(person):
            # Another file in the same folder.
            _is_contained(inside, person, quick_sandbox)
    finally:
        container.kill()
        container.wait()


def _is_mounted(pid: int) -> bool:
    return (
        " /mnt " in Path(f"/proc/{pid}/mounts").read_text()
        and b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )


def _is_contained(inside: list[str], person: Person, issuer: Sandbox) -> None:
    mounted = "/mnt/broker.sock"
    # HOME is the tmpfs; a token is had, and the admin socket is nowhere.
    said = run(inside, "brokerctl", "token", BROKERD_SOCKET=mounted)
    assert said.status == 0, said
    assert issuer.accepts(said.output.strip())
    assert run(inside, "brokerctl", "stop", BROKERD_SOCKET=mounted).status == 22
    assert asks(inside, person.socket) == {"refused": errno.ENOENT}


def test_whoever_is_connected_is_cut_off_when_it_is_removed(signed_in: Person) -> None:
    path = add(signed_in, "ci")
    with socket.socket(socket.AF_UNIX) as idle:
        idle.connect(str(path))
        signed_in.json("socket", "remove", "ci")
        assert idle.recv(1) == b""
    assert not path.parent.exists()
    assert through(signed_in, path, "token") == 3


def test_it_outlives_the_daemon_also_one_that_was_killed(
    person: Person, quick_sandbox: Sandbox
) -> None:
    with daemon(person) as running:
        sign_in(person, "demo", quick_sandbox)
        path = add(person, "ci", "--uses=3")
        gone = add(person, "gone", "--expires=1s")
        kept = add(person, "kept")
        assert through(person, path, "token") == 0
        wait_until(lambda: not gone.parent.exists(), "it expires")
        running.kill()
        running.wait()
    with daemon(person):
        assert through(person, kept, "token") == 0
        assert [through(person, path, "token") for _ in range(3)] == [0, 0, 22]
        sockets = person.json("socket", "list")["sockets"]
        assert isinstance(sockets, list)
        assert [(one["name"], one["used"]) for one in sockets] == [
            ("ci", 3),
            ("kept", 0),
        ]


def test_while_the_store_is_locked_it_says_so_and_an_account_that_left_too(
    signed_in: Person,
) -> None:
    path = add(signed_in, "ci")
    assert signed_in.brokerctl("lock").status == 0
    assert through(signed_in, path, "token") == 16
    assert signed_in.brokerctl("unlock").status == 0
    assert through(signed_in, path, "token") == 0
    signed_in.json("logout", "demo", "--local-only")
    assert through(signed_in, path, "token") == 4


def test_run_gives_a_program_its_socket_and_takes_it_away(signed_in: Person) -> None:
    script = 'echo "$BROKERD_SOCKET"; brokerctl token >/dev/null && exit 7'
    words = ("socket", "run", "job", "--account=demo", "--", "sh", "-c", script)
    said = signed_in.brokerctl(*words)
    assert said.status == 7, said
    assert not Path(said.output.strip()).exists()

    running = signed_in.start("brokerctl", *words[:4], "--", "sleep", "600")
    sockets = signed_in.socket.parent / "sockets"
    wait_until((sockets / "job").exists, "the socket")
    wait_until(lambda: _children(running.pid) != [], "the program")
    (child,) = _children(running.pid)
    running.send_signal(signal.SIGTERM)
    assert signed_in.finish(running).status == 128 + signal.SIGTERM
    assert not Path(f"/proc/{child}").exists()
    assert not (sockets / "job").exists()


def test_what_a_program_may_not_have_is_refused_logged_and_explained(
    signed_in: Person,
) -> None:
    ask = """curl --silent --unix-socket "$BROKERD_SOCKET" http://b/v1/token \
        --data '{"scopes": ["mail"]}'"""
    scope = "https://www.googleapis.com/auth/drive.metadata.readonly"
    words = ("--account=demo", f"--scope={scope}")
    said = signed_in.brokerctl("socket", "run", "ci", *words, "--", "sh", "-c", ask)
    refusal = json.loads(said.output)
    assert refusal["code"] == "not_permitted"
    assert "policy test" in refusal["hint"]
    # What is the same within half a second is one line, written at its end.
    wait_until(lambda: _denied(signed_in) != [], "the log has it")
    (logged,) = _denied(signed_in)
    assert (logged["socket"], logged["scopes"]) == ("ci", "mail")
    assert logged["peer"]["claims"]["executable"] == "/usr/bin/curl"
    add(signed_in, "ci", f"--scope={scope}")
    test = ("policy", "test", "demo", "--socket=ci")
    decided = signed_in.json(*test, "--scope=mail")
    assert (decided["verdict"], decided["rule"]) == ("deny", "socket ci")
    assert f"token: {decided['why']}" in refusal["detail"]
    assert signed_in.json(*test, f"--scope={scope}")["verdict"] == "allow"


def _denied(person: Person) -> list[dict[str, Any]]:
    lines = person.brokerctl("log", "--json").output.splitlines()
    return [json.loads(line) for line in lines if '"denied"' in line]


def test_run_leaves_nothing_behind_when_it_is_killed(
    person: Person, quick_sandbox: Sandbox
) -> None:
    place = person.socket.parent / "sockets/job"
    words = ("brokerctl", "socket", "run", "job", "--account=demo", "--", "sleep", "60")
    with daemon(person) as running:
        sign_in(person, "demo", quick_sandbox)
        job = person.start(*words)
        wait_until(lambda: _children(job.pid) != [], "the program")
        (child,) = _children(job.pid)
        # Over a restart it is there, as long as whoever has it runs.
        running.kill()
        running.wait()
    with daemon(person):
        wait_until(place.exists, "the socket is there again")
        assert through(person, place / "broker.sock", "token") == 0
        job.kill()
        wait_until(lambda: not place.exists(), "the socket is gone")
        os.kill(child, signal.SIGKILL)
        job.communicate()
        assert person.json("socket", "list")["sockets"] == []


def _children(pid: int) -> list[int]:
    page = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [
        int(each)
        for each in page.split()
        if b"sleep" in Path(f"/proc/{each}/cmdline").read_bytes()
    ]


def test_a_host_gets_its_tokens_over_ssh_and_signs_in_with_the_browser_here(
    signed_in: Person, quick_sandbox: Sandbox
) -> None:  # row 38
    pages = signed_in.home / "pages"
    browser = signed_in.home / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >>{pages}\n')
    browser.chmod(0o755)
    with far_host(signed_in.home.parent, free_port()) as far:
        forward = signed_in.start(
            *("brokerctl", "socket", "forward", "far", far.host, "--account=demo"),
            *("--operations=token,login", "--", *far.options),
            environment={"BROWSER": f"{browser} %s"},
        )
        there = far.home / ".local/state/brokerd/run/broker.sock"
        try:
            wait_until(lambda: there.exists() or forward.poll() is not None, "ssh")
            assert forward.poll() is None, forward.communicate()
            said = far.run("brokerctl", "token")
            assert said.status == 0, said
            assert quick_sandbox.accepts(said.output.strip())
            for words in (("status",), ("stop",), ("logout", "demo")):
                assert far.run("brokerctl", *words).status == 22

            login = subprocess.Popen(
                [
                    *as_user(far.uid, far.uid),
                    *("brokerctl", "login", "demo", "--json"),
                ],
                env={**signed_in.environment, "HOME": str(far.home)}
                | {"XDG_RUNTIME_DIR": ""},
                cwd=far.home,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            wait_until(pages.exists, "the browser here")
            follow(pages.read_text().strip())
            output, _ = login.communicate(timeout=60)
            assert login.returncode == 0, output
            begun = json.loads(output.splitlines()[0])
            assert begun["elsewhere"] is True
            assert begun["authorization_url"] is None
            assert "state=" not in output
            assert len(pages.read_text().splitlines()) == 1
        finally:
            forward.send_signal(signal.SIGTERM)
            ended = signed_in.finish(forward)
        assert "a sign-in of 'demo' was asked for" in ended.complaint
        assert "refused" in asks(as_user(far.uid, far.uid), there)
        assert signed_in.json("socket", "list")["sockets"] == []


def test_nothing_secret_is_in_the_arguments_of_what_is_run(signed_in: Person) -> None:
    token = signed_in.token("demo")
    said = signed_in.brokerctl(
        *("socket", "run", "job", "--account=demo", "--", "sh", "-c"),
        "cat /proc/$PPID/cmdline /proc/$$/environ; ps -ef",
    )
    assert token not in said.output
    hunt(signed_in, [token])


def test_files_of_a_socket_are_the_persons_alone(signed_in: Person) -> None:
    path = add(signed_in, "ci")
    modes = [each.stat().st_mode & 0o777 for each in (path, *path.parents[:2])]
    assert modes == [0o600, 0o700, 0o700]
    elsewhere = signed_in.home / "own.sock"
    add(signed_in, "own", f"--path={elsewhere}")
    assert elsewhere.stat().st_mode & 0o777 == 0o600
    own(signed_in.home)
