"""What happens is told as it happens: to a terminal, to programs, to a hook."""

import json
import signal
import subprocess
from pathlib import Path

from tests.system.hunt import hunt
from tests.system.issuers import Sandbox
from tests.system.person import Person, daemon, own
from tests.system.sign_in import sign_in
from tests.system.waiting import wait_until

STOPPING = 32
INTERRUPTED = 130


def watch(person: Person, file: str, *words: str) -> subprocess.Popen[str]:
    """`brokerctl watch` with its output in a file of the home, from its first event."""
    process = person.start(
        "sh", "-c", f'exec brokerctl watch "$@" >{file}', "sh", *words
    )
    wait_until(lambda: bool(told(person, file)), "the watch has begun")
    return process


def told(person: Person, file: str) -> list[str]:
    """The whole lines of a file that is being written."""
    path = person.home / file
    if not path.exists():
        return []
    return path.read_text().rpartition("\n")[0].splitlines()


def kinds(lines: list[str]) -> list[str]:
    return [json.loads(line)["event"] for line in lines]


def a_hook(person: Person) -> Path:
    """Notes what its environment and its input tell, and says that it was there."""
    hook = person.home / "hook.sh"
    hook.write_text(
        'printf "%s\\t%s\\t%s\\n" "$BROKERD_EVENT" "$BROKERD_ACCOUNT" "$BROKERD_ISSUER"'
        " >>variables\n"
        "cat >>lines\n"
        "env >>environment\n"
        "echo told\n"
    )
    own(hook)
    return hook


def test_login_renewal_log_out_and_the_end_are_seen_and_no_token_is(
    person: Person, quick_sandbox: Sandbox
) -> None:
    with daemon(person) as running:
        hook = a_hook(person)
        watching = [
            watch(person, "json", "--json"),
            watch(person, "people"),
            watch(person, "hooked", "--exec", "sh", str(hook)),
        ]
        sign_in(person, "demo", quick_sandbox)
        first = person.token("demo")
        wait_until(lambda: not quick_sandbox.accepts(first), "the token expires")
        second = person.token("demo")
        assert person.brokerctl("logout", "demo", "--keep-sign-in").status == 0
        running.terminate()
        ended = [person.finish(process) for process in watching]
    assert [one.status for one in ended] == [STOPPING] * 3

    lines = told(person, "json")
    of_account = ["signed_in", "token_renewed", "signed_out", "revoked"]
    happened = ["listening", "unlocked", *of_account, "stopping"]
    assert kinds(lines[:-1]) == happened
    assert json.loads(lines[-1])["code"] == "stopping"
    assert [line.partition(" ")[2] for line in told(person, "people")] == [
        "listening",
        "the store is open",
        "demo: signed in",
        "demo: token renewed",
        "demo: signed out",
        "demo: revoked",
        "stopping",
    ]
    assert told(person, "lines")[1:] == lines[1:-1]  # each began to listen by itself
    assert told(person, "variables") == [
        f"{kind}\t{account}\t{issuer}"
        for kind in happened
        for account, issuer in [
            ("demo", quick_sandbox.url) if kind in of_account else ("", "")
        ]
    ]
    assert told(person, "hooked") == ["told"] * len(happened)
    hunt(person, [first, second], kept=["client_secret.json"])


def test_whoever_comes_late_hears_what_stands_while_the_store_is_locked(
    person: Person,
) -> None:
    with daemon(person):
        made = person.start("sh", "-c", "echo secret | brokerctl init --key passphrase")
        assert person.finish(made).status == 0
    with daemon(person) as running:
        watching = watch(person, "json", "--json")
        wait_until(lambda: len(told(person, "json")) > 1, "it is told what stands")
        running.terminate()
        assert person.finish(watching).status == STOPPING
    assert kinds(told(person, "json")[:-1]) == ["listening", "locked", "stopping"]


def test_a_watch_that_reconnects_goes_on_with_the_next_daemon_until_ctrl_c(
    person: Person,
) -> None:
    with daemon(person) as running:
        watching = watch(person, "json", "--json", "--reconnect")
        running.kill()
        running.wait()
    # Nobody starts it again but the command that needs it.
    assert person.json("status")["running"] is False
    assert person.brokerctl("accounts").status == 0
    wait_until(lambda: len(told(person, "json")) > 1, "the next daemon is heard")
    watching.send_signal(signal.SIGINT)
    ended = person.finish(watching)
    assert ended.status == INTERRUPTED
    assert ended.complaint.count("waiting for the next one") == 1
    assert kinds(told(person, "json")) == ["listening", "listening"]


def test_a_command_that_hangs_is_ended_and_the_watch_goes_on(person: Person) -> None:
    with daemon(person) as running:
        hook = person.home / "hook.sh"
        hook.write_text('echo "$BROKERD_EVENT"\nsleep 3600\n')
        own(hook)
        words = ["--exec-timeout", "0.5", "--exec", "sh", str(hook)]
        watching = watch(person, "hooked", *words)
        running.terminate()
        ended = person.finish(watching)
    assert told(person, "hooked") == ["listening", "stopping"]
    assert ended.complaint.count("sh was ended: it took longer than 0.5 seconds") == 2
