"""Two hundred programs at once, where no token is at hand."""

import signal
import subprocess

from tests.system.hunt import hunt
from tests.system.issuers import sandbox
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


def test_two_hundred_programs_after_a_restart_cause_one_refresh(
    person: Person,
) -> None:
    with sandbox(person, "--auto-approve") as issuer:
        with daemon(person):
            sign_in(person, "demo", issuer)
            former = person.token("demo")
        before = issuer.refreshes()
        tokens = two_hundred_tokens(person)
        # Made of a token that lives an hour: however long this machine takes to run
        # so many programs, none of them finds that it has aged.
        assert len(tokens) == 1
        assert tokens != {former}
        assert issuer.accepts(min(tokens))
        assert issuer.refreshes() == before + 1
    hunt(person, [former, *tokens])


def two_hundred_tokens(person: Person) -> set[str]:
    """What as many programs are given that ask a new daemon at once."""
    with daemon(person) as running:
        # The daemon holds still until all have asked: so they do ask at once,
        # however slow the machine is at starting them.
        running.send_signal(signal.SIGSTOP)
        herd = [person.start("brokerctl", "token", "demo") for _ in range(HERD)]
        wait_until(lambda: waiting_at(person) == HERD, "all stand at the door")
        running.send_signal(signal.SIGCONT)

        answers = [process.communicate() for process in herd]
    assert {complaint for _, complaint in answers} == {""}
    return {output.strip() for output, _ in answers}
