"""The hand that rules the scripted issuer of `issuer.py`."""

import json
import queue
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.system.person import COMMAND_SECONDS

_SERVER = Path(__file__).parent / "issuer.py"


@dataclass
class ScriptedIssuer:
    """A running issuer; see `issuer.py` for what it does.

    Attributes:
        url: its issuer identifier.
    """

    url: str
    told: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)

    def manners(self, **changes: bool | int) -> None:
        """Behave so from now on; what is not named is as at the start."""
        self._do("manners", changes)

    def hold(self, **changes: bool | int) -> None:
        """Answer no token request that comes, until `release`."""
        self.manners(hold=True, **changes)
        while not self.told.empty():
            self.told.get()

    def release(self) -> None:
        """Let go of the answers that it holds."""
        self._do("release")

    def adopt(self, tokens: dict[str, str]) -> None:
        """Take these refresh tokens, by client, for its own."""
        self._do("adopt", tokens)

    def keep(self) -> None:
        """Remember all families as they are now."""
        self._do("keep")

    def back(self) -> None:
        """All families as they were at the last `keep`."""
        self._do("back")

    def rotations(self, client: str) -> int:
        """How often it has given this client a new refresh token."""
        return int(self._do("show", client)["rotations"])

    def is_revoked(self, client: str) -> bool:
        """Whether a refresh token of this client has come twice, or was revoked."""
        return bool(self._do("show", client)["revoked"])

    def gave(self, client: str, access_token: str) -> bool:
        """Whether it has given this access token to this client."""
        return access_token in self._do("show", client)["access_tokens"]

    def secrets(self) -> list[str]:
        """Every token that it ever gave."""
        given: list[str] = self._do("secrets")
        return given

    def await_event(self, event: str) -> None:
        """Return when it has told this, since it was told to hold."""
        while self.told.get(timeout=COMMAND_SECONDS) != event:
            pass

    def listen(self, lines: Iterator[list[str]]) -> None:
        """Take down what it tells until it ends."""
        for event, _ in lines:
            self.told.put(event)

    def _do(self, deed: str, body: object = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - http on loopback
            f"{self.url}/control/{deed}", json.dumps(body).encode()
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.load(answer)


@contextmanager
def scripted_issuer(port: int = 0) -> Iterator[ScriptedIssuer]:
    """An issuer in a process of its own, at this port or anywhere."""
    with subprocess.Popen(
        [sys.executable, str(_SERVER), f"--port={port}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        lines = map(json.loads, process.stdout)
        issuer = ScriptedIssuer(next(lines)[1])
        # Heard all the time, or a full pipe would hold the issuer up.
        ear = threading.Thread(target=issuer.listen, args=[lines])
        ear.start()
        try:
            yield issuer
        finally:
            process.terminate()
            ear.join()
