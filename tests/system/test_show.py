"""The sandbox as a newcomer uses it: two tokens, a crash, and a third."""

import json
import os
import signal
from pathlib import Path

from tests.system.hunt import hunt
from tests.system.issuers import Sandbox
from tests.system.person import Person
from tests.system.sign_in import sign_in
from tests.system.waiting import wait_until

DRIVE = "https://www.googleapis.com/auth/drive"


def has_ended(pid: int) -> bool:
    """Whether it has let go of all its files, be it waited for or not."""
    try:
        return not any(Path(f"/proc/{pid}/fd").iterdir())
    except FileNotFoundError:
        return True


def test_tokens_keep_coming_over_expiry_and_a_killed_daemon(
    person: Person, quick_sandbox: Sandbox
) -> None:
    sign_in(person, "demo", quick_sandbox)
    first = person.token("demo")
    assert quick_sandbox.accepts(first)
    wait_until(lambda: not quick_sandbox.accepts(first), "the token expires")
    second = person.token("demo")
    assert second != first
    assert quick_sandbox.accepts(second)
    pid = person.pid_of_daemon()
    os.kill(pid, signal.SIGKILL)
    # While it dies it still takes connections, which then break.
    wait_until(lambda: has_ended(pid), "the daemon is gone")
    assert quick_sandbox.accepts(person.token("demo"))
    client = json.loads(Path(quick_sandbox.client_secrets).read_text())["installed"]
    hunt(person, [client["client_secret"], first], kept=["client_secret.json"])


def test_a_narrower_token_is_another_token_with_less_in_it(
    person: Person, quick_sandbox: Sandbox
) -> None:
    sign_in(person, "demo", quick_sandbox, f"--scope={DRIVE} {DRIVE}.readonly")
    everything = person.json("token", "demo")
    assert everything["scopes"] == [DRIVE, f"{DRIVE}.readonly"]
    narrow = person.json("token", "demo", "--scope", f"{DRIVE}.readonly")
    assert narrow["scopes"] == [f"{DRIVE}.readonly"]
    assert narrow["access_token"] != everything["access_token"]


def test_header_is_what_curl_takes_after_dash_h(
    person: Person, quick_sandbox: Sandbox
) -> None:
    sign_in(person, "demo", quick_sandbox)
    header = person.token("--header")
    assert header.startswith("Authorization: Bearer ")
    assert quick_sandbox.accepts(header.removeprefix("Authorization: Bearer "))


def test_a_second_daemon_leaves_and_the_first_goes_on(
    person: Person, quick_sandbox: Sandbox
) -> None:
    sign_in(person, "demo", quick_sandbox)
    before = person.pid_of_daemon()
    second = person.run("brokerd")
    assert second.status == 27, second
    assert person.pid_of_daemon() == before
