"""Herds of peers: in a few processes with thousands of connections, and in many."""

import json
import signal
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.system.person import Person

_ASKER = Path(__file__).parent / "asker.py"

# A shell would be one more process each, and brokerctl takes ten times as long to
# start: what counts here is that each is a process of its own.
_CURL = ("curl", "--silent", "--no-buffer", "--max-time", "120")


@dataclass(frozen=True)
class Herd:
    """Askers that are connected."""

    processes: list[subprocess.Popen[str]]

    def ask(self) -> "Herd":
        """Let all ask at once; on return every request is on its way."""
        for process in self.processes:
            process.send_signal(signal.SIGUSR1)
        for process in self.processes:
            _expect(process, "asked")
        return self

    def answers(self) -> Counter[str]:
        """How often each answer came: an error's code, or a digest of the token."""
        found: Counter[str] = Counter()
        for process in self.processes:
            with process:  # closes its pipes
                assert process.stdout
                # Not communicate(): it reads the pipe itself, past what the reader of
                # an earlier line has already taken from it.
                output = process.stdout.read()
                assert process.stderr
                assert process.wait() == 0, process.stderr.read()
            found.update(json.loads(output))
        return found


def herd(
    person: Person, peers: int, *accounts: str | dict[str, object], processes: int = 1
) -> Herd:
    """`peers` in all who are connected, and will ask for the accounts in turn.

    Args:
        person: whose programs they are.
        peers: how many.
        accounts: what they ask for: the name of an account, or a whole request.
        processes: how many processes they are spread over, evenly.
    """
    bodies = [
        json.dumps({"account": asked} if isinstance(asked, str) else asked)
        for asked in accounts
    ]
    words = (str(person.socket), str(peers // processes), *bodies)
    started = [
        person.start("python3", "-c", _ASKER.read_text(), *words)
        for _ in range(processes)
    ]
    for process in started:
        _expect(process, "connected")
    return Herd(started)


def _expect(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout
    assert process.stdout.readline() == f"{word}\n"


def curls(person: Person, peers: int, account: str) -> list[subprocess.Popen[str]]:
    """`peers` processes of one request each."""
    body = json.dumps({"account": account})
    words = ("--unix-socket", str(person.socket), "--data", body)
    url = "http://broker/v1/token"
    return [person.start(*_CURL, *words, url) for _ in range(peers)]
