"""An idle daemon does nothing at all: counted by the kernel."""

import time
from pathlib import Path

from tests.system.issuers import Sandbox
from tests.system.person import Person, daemon
from tests.system.sign_in import sign_in
from tests.system.waiting import wait_until

WATCHED_SECONDS = 5


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
        # What the last requests have left behind, such as a kept connection, ends.
        before = wake_ups(running.pid)

        def is_quiet() -> bool:
            nonlocal before
            last, before = before, wake_ups(running.pid)
            return last == before

        wait_until(is_quiet, "what was begun has ended")
        time.sleep(WATCHED_SECONDS)
        assert wake_ups(running.pid) == before
