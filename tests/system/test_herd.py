"""Two hundred programs at once, on a token that has just expired."""

import signal
import subprocess

from tests.system.hunt import hunt
from tests.system.issuers import Sandbox
from tests.system.person import Person, daemon
from tests.system.sign_in import sign_in
from tests.system.waiting import wait_until

HERD = 200


def waiting_at(person: Person) -> int:
    """How many connections the kernel holds that the daemon has not accepted."""
    listing = subprocess.run(
        ["ss", "--no-header", "--listening", "--unix", "src", str(person.socket)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    return int(listing[2])


def test_two_hundred_programs_on_an_expired_token_cause_one_refresh(
    person: Person, quick_sandbox: Sandbox
) -> None:
    with daemon(person) as running:
        sign_in(person, "demo", quick_sandbox)
        expired = person.token("demo")
        wait_until(lambda: not quick_sandbox.accepts(expired), "the token expires")
        before = quick_sandbox.refreshes()

        # The daemon holds still until all have asked: so they do ask at once,
        # however slow the machine is at starting them.
        running.send_signal(signal.SIGSTOP)
        herd = [person.start("brokerctl", "token", "demo") for _ in range(HERD)]
        wait_until(lambda: waiting_at(person) == HERD, "all stand at the door")
        running.send_signal(signal.SIGCONT)

        answers = [process.communicate() for process in herd]
        tokens = {output.strip() for output, _ in answers}
        complaints = {complaint for _, complaint in answers}
        assert complaints == {""}
        assert len(tokens) == 1
        assert quick_sandbox.accepts(min(tokens))
        assert quick_sandbox.refreshes() == before + 1
    hunt(person, [expired, *tokens])
