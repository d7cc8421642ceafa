"""An idle daemon does nothing at all: counted by the kernel."""

import time
from pathlib import Path

from tests.system.issuers import Sandbox, sandbox
from tests.system.person import Person, daemon
from tests.system.sign_in import sign_in
from tests.system.waiting import wait_until

SPAN_SECONDS = 35
"""Longer than the longest step of any wait of the daemon's, which is 30."""

SPANS = 3


def wake_ups(pid: int) -> int:
    """How often any thread of a process has slept and was woken."""
    return sum(
        int(line.split()[1])
        for status in Path(f"/proc/{pid}/task").glob("*/status")
        for line in status.read_text().splitlines()
        if line.startswith("voluntary_ctxt_switches:")
    )


def test_a_daemon_that_nobody_asks_makes_no_wake_up(
    person: Person, quick_sandbox: Sandbox
) -> None:
    with daemon(person) as running:
        sign_in(person, "demo", quick_sandbox)
        token = person.token("demo")
        wait_until(lambda: not quick_sandbox.accepts(token), "the token expires")
        # What the last requests have left behind, such as a kept connection, ends; a
        # timer that is left behind would show in every span.
        assert 0 in (wake_ups_in_a_span(running.pid) for _ in range(SPANS))


def test_a_renewal_that_is_not_due_makes_no_wake_up_either(person: Person) -> None:
    with sandbox(person, "--auto-approve") as issuer, daemon(person) as running:
        sign_in(person, "demo", issuer)
        person.token("demo")
        assert 0 in (wake_ups_in_a_span(running.pid) for _ in range(SPANS))


def wake_ups_in_a_span(pid: int) -> int:
    before = wake_ups(pid)
    time.sleep(SPAN_SECONDS)
    return wake_ups(pid) - before
