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


def test_a_log_that_is_taken_away_while_the_daemon_runs_goes_on_and_says_so(
    signed_in: Person,
) -> None:
    signed_in.token("work")
    signed_in.json("log", "verify")
    (signed_in.store.parent / "audit.jsonl").unlink()
    signed_in.token("work")
    assert signed_in.brokerctl("log", "verify").status == AUDIT_BROKEN
    assert "audit.broken" in operations(signed_in)
    assert lines(signed_in, "--account", "work")[-1]["result"] == "served"
    # What comes after is held to as before.
    write_log(signed_in, log_text(signed_in).replace('"served"', '"refused"', 1))
    said = signed_in.brokerctl("log", "verify")
    assert said.output.count("CHANGED: audit.jsonl") == 2


def test_no_token_is_refused_because_of_the_log(signed_in: Person) -> None:
    folder = signed_in.store.parent
    signed_in.json("log", "verify")
    folder.chmod(0o500)
    (folder / "audit.jsonl").unlink()
    signed_in.token("work")
    refused = signed_in.brokerctl("log", "verify")
    assert refused.status != 0
    assert "audit log" in refused.complaint
    signed_in.token("work")
    folder.chmod(0o700)
    wait_until(
        lambda: signed_in.brokerctl("log", "verify").status == AUDIT_BROKEN,
        "it is written again",
    )
    tokens = [line for line in lines(signed_in) if line["operation"] == "token"]
    assert [line["result"] for line in tokens] == ["served", "served"]


def test_what_you_allow_deny_and_answer_is_in_it(signed_in: Person) -> None:
    added = signed_in.brokerctl("socket", "add", "ci", "--account=work", "--expires=2s")
    assert added.status == 0, added
    path = added.output.strip()
    denied = signed_in.run("curl", "-s", "--unix-socket", path, "-XPOST", "x/v1/stop")
    assert "not_permitted" in denied.output
    signed_in.brokerctl("policy", "set", "ask", "--account", "work")
    words = ("x/v1/token", "-d", '{"account":"work","wait":0}')
    asked = signed_in.run("curl", "-s", "--unix-socket", str(signed_in.socket), *words)
    number = json.loads(asked.output)["question"]
    signed_in.brokerctl("approve", number, "--deny")
    signed_in.brokerctl("policy", "set", "deny", "--account", "work")
    assert signed_in.brokerctl("token", "work").status != 0
    wait_until(lambda: "socket.expired" in operations(signed_in), "it has ended")
    said = [
        (line["operation"], line["result"], line.get("detail"), line.get("rule"))
        for line in lines(signed_in)
    ]
    for expected in (
        ("socket.add", "done", "name=ci accounts=work expires_in=2", None),
        ("daemon.stop", "denied", "administration: 'ci' is not for that", None),
        ("consent.asked", "noted", f"question={number}", None),
        ("consent.answer", "done", f"id={number} answer=deny", None),
        ("consent.ended", "noted", f"question={number} end=deny", None),
        ("socket.expired", "noted", "ci", None),
    ):
        assert expected in said, (expected, said)
    by_result = {line[1]: line for line in said if line[0] == "token"}
    assert "asked" in by_result
    assert by_result["denied"][3] == "default of work"


def test_what_a_daemon_saw_that_ended_locked_is_taken_up_and_marked(
    person: Person,
) -> None:
    typed = "a passphrase\na passphrase\n"
    assert person.types(typed, "init", "--key", "passphrase").status == 0
    person.brokerctl("stop")
    with daemon(person):
        assert person.types("another\n", "unlock").status != 0
    with daemon(person):
        assert person.types("a passphrase\n", "unlock").status == 0
        person.json("log", "verify")
        unsealed = [line for line in lines(person) if line.get("unsealed")]
    tries = [
        line.get("code") for line in unsealed if line["operation"] == "store.unlock"
    ]
    assert tries == ["wrong_passphrase"]
