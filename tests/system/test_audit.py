"""The audit log of a real daemon: written, found out, and never in a token's way."""

import json
import os
import signal
from collections.abc import Iterator

import pytest

from tests.system.hunt import hunt
from tests.system.issuers import Sandbox
from tests.system.person import Person, daemon
from tests.system.sign_in import sign_in
from tests.system.waiting import wait_until

AUDIT_BROKEN = 58


def lines(person: Person, *words: str) -> list[dict[str, object]]:
    said = person.brokerctl("log", "--json", *words)
    assert said.status == 0, said
    return [json.loads(line) for line in said.output.splitlines()]


def operations(person: Person) -> list[object]:
    return [line["operation"] for line in lines(person)]


def log_text(person: Person) -> str:
    return (person.store.parent / "audit.jsonl").read_text()


def write_log(person: Person, text: str) -> None:
    path = person.store.parent / "audit.jsonl"
    with path.open("r+") as stream:  # it stays the person's
        stream.truncate()
        stream.write(text)


@pytest.fixture
def signed_in(person: Person, quick_sandbox: Sandbox) -> Iterator[Person]:
    with daemon(person):
        sign_in(person, "work", quick_sandbox)
        yield person


def test_who_got_what_is_in_it_and_no_token(signed_in: Person) -> None:
    token = signed_in.token("work")
    assert signed_in.json("log", "verify")["faults"] == []
    (served,) = lines(signed_in, "--account", "work")[-1:]
    assert (served["operation"], served["result"]) == ("token", "served")
    peer = served["peer"]
    assert isinstance(peer, dict)
    assert peer["guesses"]["script"].endswith("/brokerctl")
    assert "account.signed_in" in operations(signed_in)
    hunt(signed_in, [token])


def test_a_line_that_was_edited_is_found(signed_in: Person) -> None:
    signed_in.token("work")
    signed_in.json("log", "verify")
    write_log(signed_in, log_text(signed_in).replace('"served"', '"refused"', 1))
    said = signed_in.brokerctl("log", "verify")
    assert said.status == AUDIT_BROKEN
    assert "audit.jsonl, line" in said.output


def test_an_end_that_was_cut_off_before_the_next_daemon_is_found(
    person: Person, quick_sandbox: Sandbox
) -> None:
    with daemon(person):
        sign_in(person, "work", quick_sandbox)
    whole = log_text(person).splitlines(keepends=True)
    write_log(person, "".join(whole[:-1]))
    with daemon(person):
        assert person.brokerctl("log", "verify").status == AUDIT_BROKEN
        wait_until(lambda: "audit.broken" in operations(person), "it is written down")


def test_a_daemon_that_is_killed_leaves_a_log_that_the_next_one_goes_on_with(
    person: Person, quick_sandbox: Sandbox
) -> None:
    with daemon(person) as process:
        sign_in(person, "work", quick_sandbox)
        person.json("log", "verify")
        os.kill(person.pid_of_daemon(), signal.SIGKILL)
        process.wait()
    write_log(person, log_text(person) + '{"seq":99,"at":1')
    with daemon(person):
        person.token("work")
        verdict = person.json("log", "verify")
    assert (verdict["faults"], verdict["torn"]) == ([], 1)
