"""Daemons of one person, started within milliseconds, and what they answer.

Knows no scenario and no strace.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests.system.person import BIN, COMMAND_SECONDS, USER, Person

_NURSERY = Path(__file__).parent / "nursery.py"

Json = dict[str, Any]


class Refused(Exception):  # noqa: N818 - it is an answer, not a fault of ours
    """The daemon answered with a problem document."""

    def __init__(self, problem: Json) -> None:
        super().__init__(problem["detail"])
        self.code: str = problem["code"]
        self.detail: str = problem["detail"]


class Gone(Exception):  # noqa: N818 - what the sweep is waiting for
    """No answer came, or half of one: the daemon has died."""


@dataclass(frozen=True)
class Daemon:
    """One daemon.

    Attributes:
        pid: its process.
        go: closed or written to, it begins to run.
        ready: says a line of JSON once it serves, or cannot.
    """

    pid: int
    go: int
    ready: int

    def run(self) -> Json:
        """Let it run, and return what it says when it serves, or why it cannot.

        Raises:
            Gone: it died before.
        """
        os.close(self.go)
        with os.fdopen(self.ready) as ready:
            line = ready.readline()
        if not line:
            raise Gone
        said: Json = json.loads(line)
        return said


@dataclass
class Nursery:
    """The hand that rules `nursery.py`, for one person.

    Attributes:
        person: whose daemons they are.
        log: what all of them say on stderr.
    """

    person: Person
    process: subprocess.Popen[bytes]
    hand: socket.socket
    log: Path
    _ended: dict[int, int] = field(default_factory=dict)

    def daemon(self, *words: str) -> Daemon:
        """A daemon that waits to `run`."""
        order = {"start": self.person.environment, "words": list(words)}
        with self.log.open("ab") as stderr:
            answer, (go, ready) = self._order(order, stderr.fileno())
        # A sweep starts more than there are numbers: this one may be known as ended.
        self._ended.pop(answer["pid"], None)
        return Daemon(answer["pid"], go, ready)

    def end_of(self, daemon: Daemon) -> int:
        """Its exit status, once it has ended; -9 for SIGKILL."""
        if daemon.pid not in self._ended:
            answer, _ = self._order({"wait": daemon.pid})
            self._ended[daemon.pid] = answer["status"]
        return self._ended[daemon.pid]

    def kill(self, daemon: Daemon) -> None:
        """Let it end now, if it has not ended."""
        if daemon.pid not in self._ended:
            os.kill(daemon.pid, signal.SIGKILL)
            self.end_of(daemon)

    def stop(self, daemon: Daemon) -> None:
        """Let it end as a service manager does."""
        os.kill(daemon.pid, signal.SIGTERM)
        assert self.end_of(daemon) == 0, self.log.read_text()

    def ask(self, method: str, path: str, body: Json | None = None) -> Json:
        """What the running daemon answers to one request.

        Raises:
            Refused: a problem document.
            Gone: no answer, or half of one.
        """
        with self._connected() as door:
            return _exchange(door, method, path, body)

    def reach(self) -> None:
        """See that the daemon is there, without an answer: that would be a call of its.

        Raises:
            Gone: it is not.
        """
        self._connected().close()

    def _connected(self) -> socket.socket:
        answer, descriptors = self._order({"connect": str(self.person.socket)})
        if not descriptors:
            raise Gone(answer["error"])
        door = socket.socket(fileno=descriptors[0])
        door.settimeout(COMMAND_SECONDS)
        return door

    def _order(self, order: Json, *descriptors: int) -> tuple[Json, list[int]]:
        socket.send_fds(self.hand, [json.dumps(order).encode()], descriptors)
        message, given, _, _ = socket.recv_fds(self.hand, 65536, 2)
        assert message, "the nursery has died"
        answer: Json = json.loads(message)
        return answer, given


def _exchange(door: socket.socket, method: str, path: str, body: Json | None) -> Json:
    connection = http.client.HTTPConnection("broker")
    connection.sock = door
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        document: Json = json.loads(answer.read())
    except (OSError, http.client.HTTPException) as exc:
        raise Gone(str(exc)) from exc
    if answer.status >= HTTPStatus.BAD_REQUEST:
        raise Refused(document)
    return document


@contextmanager
def nursery(person: Person) -> Iterator[Nursery]:
    """A nursery of the person's; its daemons end with it only if they are killed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with (
        ours,
        subprocess.Popen(
            [BIN / "python", "-c", _NURSERY.read_text(), str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            cwd=person.home,
            env=person.environment,
            user=USER,
            group=USER,
            extra_groups=[],
            pass_fds=[theirs.fileno()],
        ) as process,
    ):
        theirs.close()
        try:
            yield Nursery(person, process, ours, person.home.parent / "brokerd.log")
        finally:
            ours.close()
            process.wait(COMMAND_SECONDS)
