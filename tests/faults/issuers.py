"""The process of faulty issuers, as the tests hold it."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.faults.certificates import Certificates

ROOT = Path(__file__).parents[2]


@dataclass
class FaultyIssuer:
    """One issuer of the process.

    Attributes:
        name: within the process; the tests give an account the same name.
        url: its issuer identifier.
    """

    name: str
    url: str
    process: "FaultyIssuers" = field(repr=False)

    def set(self, **attributes: object) -> None:
        """Change attributes of `RotatingIssuer`; `fault=None` heals it."""
        self.process.order("set", self.name, **attributes)

    def release(self) -> None:
        """Let go what the fault 'hold' keeps back."""
        self.process.order("release", self.name)

    def requests(self, kind: str | None = None) -> list[dict[str, object]]:
        """What has come, all of it or of one grant_type."""
        seen = self.process.order("look", self.name)["requests"]
        assert isinstance(seen, list)
        return [one for one in seen if kind in (None, one["grant_type"])]

    def refreshes(self) -> int:
        """How many refreshes it has been asked for."""
        return len(self.requests("refresh_token"))

    def is_met(self) -> bool:
        """Whether a request has come since the fault began."""
        return any(one["fault"] for one in self.requests())

    def number(self, what: str) -> int:
        """'reused', 'most' or 'sent' of `RotatingIssuer`."""
        number = self.process.order("look", self.name)[what]
        assert isinstance(number, int)
        return number


@dataclass
class FaultyIssuers:
    """The process."""

    orders: IO[str]
    answers: IO[str]
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def open(
        self, name: str, *, host: str = "127.0.0.1", tls: bool = False
    ) -> FaultyIssuer:
        """A healthy issuer of this name on a port of its own."""
        url = self.order("open", name, host=host, tls=tls)["url"]
        return FaultyIssuer(name, str(url), self)

    def order(self, deed: str, name: str, **words: object) -> dict[str, object]:
        """Send one command; returns its answer."""
        with self._turn:
            self.orders.write(json.dumps({"do": deed, "name": name, **words}) + "\n")
            self.orders.flush()
            line = self.answers.readline()
        assert line, f"the issuers have died of {deed} {name}"
        answer: dict[str, object] = json.loads(line)
        return answer


@contextmanager
def faulty_issuers(certificates: Certificates | None = None) -> Iterator[FaultyIssuers]:
    """The process, until the end of the block; with certificates it can do TLS."""
    paths = () if certificates is None else (certificates.good, certificates.wrong)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.faulty_issuer", *map(str, paths)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield FaultyIssuers(process.stdin, process.stdout)
            assert process.poll() is None, "the issuers have died"
        finally:
            process.kill()
