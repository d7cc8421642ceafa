"""The hand that rules the Google of `google_process.py`."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.certificates import make_certificates
from tests.system.person import PLACE, Person

HOSTS = (
    "accounts.google.com",
    "www.googleapis.com",
    "oauth2.googleapis.com",
    "sts.googleapis.com",
    "iamcredentials.googleapis.com",
)


@dataclass
class Google:
    """A running Google.

    Attributes:
        port: of the proxy that leads to it.
        key: the text of a service account's file.
    """

    process: subprocess.Popen[str]
    port: int = 0
    key: str = ""

    @property
    def private_key(self) -> str:
        """What must be nowhere but in the sealed store: a line from its middle."""
        return str(json.loads(self.key)["private_key"]).splitlines()[9]

    def answers(
        self,
        url: str,
        body: object = None,
        status: int | None = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer so from now on; a status of None hangs up."""
        self.do(
            "answer", url=url, status=status, body=body, headers=dict(headers or {})
        )

    def look(self) -> dict[str, Any]:
        """What it was asked; see `google_process`."""
        return self.do("look")

    def do(self, deed: str, **more: object) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": deed, **more}) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@contextmanager
def google(person: Person) -> Iterator[Google]:
    """A Google, and a person whose daemon reaches it, and nothing else."""
    with tempfile.TemporaryDirectory(dir=PLACE) as folder:
        place = Path(folder)
        place.chmod(0o755)
        certificates = make_certificates(place, *HOSTS)
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.system.google_process", certificates.good],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running = Google(process)
        opened = running.do("open")
        running.port, running.key = opened["port"], opened["key"]
        person.session |= {
            "HTTPS_PROXY": f"http://127.0.0.1:{running.port}",
            "SSL_CERT_FILE": str(certificates.authority),
        }
        try:
            yield running
        finally:
            process.terminate()
            process.communicate()
