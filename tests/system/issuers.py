"""Issuers to sign in at: npm oidc-provider, and our own sandbox. Real processes."""

import base64
import json
import os
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import IO

from tests.system.person import Person
from tests.system.waiting import wait_until

SERVER = Path(__file__).parent / "oidc_provider/server.mjs"
_INSPECTOR = base64.b64encode(b"inspector:inspector-secret").decode()


@dataclass
class OidcProvider:
    """A running oidc-provider.

    Attributes:
        url: its issuer identifier.
        pid: of its process.
        grants: what its token endpoint has given, in order, as
            `{"grant_type", "access_token", "refresh_token", "id_token",
            "subject"}`; the latter three where there are any.
        keys: the names of those that it has signed with since the first, in order.
        clients: who has registered, and gone, in order, as
            `{"registered", "registration_access_token"}` and `{"deleted"}`.
    """

    url: str
    pid: int = 0
    grants: list[dict[str, str]] = field(default_factory=list)
    clients: list[dict[str, str]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    @contextmanager
    def out_of_reach(self) -> Iterator[None]:
        """It listens no more, and again at the end; it forgets nothing."""
        os.kill(self.pid, signal.SIGUSR2)
        wait_until(lambda: not self._listens(), "the issuer is gone")
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGUSR2)
            wait_until(self._listens, "the issuer is back")

    def exchange_keys(self) -> str:
        """It signs with another key from now on; its name."""
        before = len(self.keys)
        os.kill(self.pid, signal.SIGHUP)
        wait_until(lambda: len(self.keys) > before, "the issuer has another key")
        return self.keys[-1]

    def _listens(self) -> bool:
        place = urllib.parse.urlsplit(self.url)
        with socket.socket() as knocking:
            return knocking.connect_ex((place.hostname, place.port)) == 0

    def is_active(self, token: str) -> bool:
        """The issuer's own word on a token."""
        return bool(self.inspect(token)["active"])

    def inspect(self, token: str) -> dict[str, object]:
        """All that the issuer says of a token (RFC 7662)."""
        request = urllib.request.Request(  # noqa: S310 - http on loopback
            f"{self.url}/token/introspection",
            urllib.parse.urlencode({"token": token}).encode(),
            {"Authorization": f"Basic {_INSPECTOR}"},
        )
        return read_json(request)

    def secrets(self) -> set[str]:
        """All tokens that it has given."""
        kinds = ("access_token", "refresh_token", "id_token")
        given = {one.get(kind) for one in self.grants for kind in kinds}
        tokens = {token for token in given if token}
        managing = {one.get("registration_access_token") for one in self.clients}
        return tokens | {token for token in managing if token}

    def listen(self, lines: IO[str]) -> None:
        """Take down its lines until it ends."""
        for line in lines:
            said = json.loads(line)
            if "signs_with" in said:
                self.keys.append(said["signs_with"])
                continue
            (self.grants if "grant_type" in said else self.clients).append(said)


@contextmanager
def oidc_provider(access_ttl: int, **environment: str) -> Iterator[OidcProvider]:
    """oidc-provider whose access tokens live `access_ttl` seconds.

    Args:
        access_ttl: 2 to 3600.
        environment: what else its server knows, such as DPOP_NONCE.
    """
    process = subprocess.Popen(
        ["node", str(SERVER)],
        env={**os.environ, "ACCESS_TTL": str(access_ttl), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # its warnings that it is for development only
        text=True,
    )
    with process:
        assert process.stdout
        url = json.loads(process.stdout.readline())["issuer"]
        issuer = OidcProvider(url, process.pid)
        ear = threading.Thread(target=issuer.listen, args=[process.stdout])
        ear.start()
        try:
            yield issuer
        finally:
            process.terminate()
            ear.join()


@dataclass(frozen=True)
class Sandbox:
    """A running `brokerd sandbox`.

    Attributes:
        url: its issuer identifier.
        client_secrets: its client_secret.json.
        api: where its file API begins.
    """

    url: str
    client_secrets: str
    api: str

    def refreshes(self) -> int:
        """How many refreshes its token endpoint has been asked for."""
        counts = read_json(f"{self.url}/sandbox/stats")["token_requests"]
        assert isinstance(counts, dict)
        return int(counts.get("refresh_token", 0))

    def accepts(self, token: str) -> bool:
        """Whether its API answers this token."""
        request = urllib.request.Request(  # noqa: S310 - http on loopback
            f"{self.api}files", headers={"Authorization": f"Bearer {token}"}
        )
        try:
            read_json(request)
        except urllib.error.HTTPError as refusal:
            refusal.close()
            if refusal.code != HTTPStatus.UNAUTHORIZED:
                raise
            return False
        return True


@contextmanager
def sandbox(person: Person, *words: str) -> Iterator[Sandbox]:
    """The sandbox, run by `person`."""
    log = person.home.parent / "sandbox.log"
    with log.open("w") as stderr:
        process = person.start("brokerd", "sandbox", *words, stderr=stderr.fileno())
    try:
        assert process.stdout
        line = process.stdout.readline()
        assert line, log.read_text()
        said = json.loads(line)
        yield Sandbox(said["issuer"], said["client_secrets"], said["api"])
        assert process.poll() is None, f"the sandbox has died: {log.read_text()}"
    finally:
        process.terminate()
        person.finish(process)


def read_json(request: urllib.request.Request | str) -> dict[str, object]:
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
        document: dict[str, object] = json.load(answer)
        return document


def follow(url: str) -> str:
    """Open a page as `curl -L` does, and return its text."""
    with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310 - as above
        text: str = answer.read().decode()
        return text
