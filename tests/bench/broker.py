"""A daemon of ours with accounts, and requests to it as bytes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import urlopen

from brokerd_client import BrokerClient
from tests.bench.load import Target

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Broker:
    """A running daemon.

    Attributes:
        socket: where it listens.
        issuers: the URL below which every issuer lies.
    """

    socket: Path
    issuers: str

    def sign_in(self, *accounts: str) -> None:
        """Each at the issuer of its name."""
        for name in accounts:
            self.sign_in_at(f"{self.issuers}/{name}", name)

    def sign_in_at(self, issuer: str, account: str) -> None:
        """At an issuer that takes any code: this is its page and the browser."""
        words: list[str | Path] = [BIN / "brokerctl", "login", account, "--no-browser"]
        words += ["--issuer", issuer, "--client-id", "bench"]
        words += ["--scope", "offline_access one"]
        with subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "BROKERD_SOCKET": str(self.socket)},
        ) as login:
            assert login.stdout is not None
            asked = parse_qs(urlsplit(login.stdout.readline().split()[-1]).query)
            answer = {"code": "c", "state": asked["state"][0], "iss": issuer}
            redirect = f"{asked['redirect_uri'][0]}?{urlencode(answer)}"
            urlopen(redirect, timeout=20).close()  # noqa: S310 - loopback
            assert login.wait(timeout=60) == 0

    def deny(self, *labels: str) -> None:
        """Programs of these labels, so that every program is looked at."""
        words = [str(BIN / "brokerctl"), "policy", "set", "deny", *labels]
        environment = {**os.environ, "BROKERD_SOCKET": str(self.socket)}
        subprocess.run(words, env=environment, check=True, stdout=subprocess.DEVNULL)

    def token(
        self,
        account: str,
        *,
        kept: bool = False,
        scopes: Sequence[str] | None = None,
        rejected: str | None = None,
    ) -> Target:
        """A request for a token, as a program makes it that needs a minute of life."""
        wanted: dict[str, object] = {"account": account, "min_ttl": 60}
        wanted |= {} if scopes is None else {"scopes": scopes}
        wanted |= {} if rejected is None else {"rejected": rejected}
        body = json.dumps(wanted).encode()
        head = (
            b"POST /v1/token HTTP/1.1\r\nHost: broker\r\nAccept: application/json\r\n"
        )
        head += b"" if kept else b"Connection: close\r\n"
        head += b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(
            body
        )
        return Target(self.socket, head + body)

    def pss_kib(self) -> int:
        """Its memory, in its own words."""
        status = BrokerClient(self.socket).status()
        assert isinstance(status, dict)
        return int(status["memory"]["pss_kib"])


@contextmanager
def daemon(
    folder: Path,
    issuers: str,
    *words: str,
    program: Sequence[str | Path] = (BIN / "brokerd",),
) -> Iterator[Broker]:
    """`brokerd`, or a `program` in its place, with all that it keeps in `folder`."""
    reads, writes = os.pipe()
    command: list[str | Path] = [
        *program,
        "--ready-fd",
        str(writes),
        "--log-level",
        "error",
    ]
    with subprocess.Popen(
        [*command, *words], pass_fds=[writes], env={**os.environ, **environment(folder)}
    ) as process:
        os.close(writes)
        try:
            with os.fdopen(reads) as ready:
                assert json.loads(ready.readline()) == {"ready": True}
            yield Broker(folder / "runtime/broker.sock", issuers)
        finally:
            process.terminate()


def environment(folder: Path) -> dict[str, str]:
    """For the daemon and its commands: everything lies in `folder`."""
    names = ("CONFIG", "STATE", "RUNTIME")
    return {f"BROKERD_{name}_DIR": str(folder / name.lower()) for name in names}
