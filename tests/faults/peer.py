"""A program of the person's that asks the daemon: one request a connection."""

import json
import os
import pwd
import socket
import threading
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.faults.issuers import FaultyIssuer
from tests.system.issuers import follow
from tests.system.person import USER, Person

PATIENCE_SECONDS = 50.0
"""More than any refresh may take: the outbound door gives up after 25."""

_becoming = threading.Lock()


@dataclass(frozen=True)
class Answer:
    """What the daemon said."""

    status: int
    document: dict[str, object]

    @property
    def code(self) -> str:
        """The code of a problem, or 'ok'."""
        return str(self.document.get("code", "ok"))

    @property
    def token(self) -> str:
        """The access token; there must be one."""
        assert self.status == 200, self.document
        return str(self.document["access_token"])


def connect(person: Person) -> socket.socket:
    """A connection to the daemon by the person.

    The kernel tells the daemon who connects by the effective user at that moment.
    """
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(PATIENCE_SECONDS)
    with _becoming:
        os.seteuid(pwd.getpwnam(USER).pw_uid)
        try:
            peer.connect(str(person.socket))
        finally:
            os.seteuid(0)
    return peer


def request(method: str, path: str, body: object = None) -> bytes:
    """One request, after whose answer the daemon closes."""
    data = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: broker\r\nConnection: close\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


def read_answer(peer: socket.socket) -> Answer:
    """The answer, up to the end of the connection."""
    data = b""
    while more := peer.recv(65536):
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    return Answer(int(head.split(b" ", 2)[1]), json.loads(body))


def ask(person: Person, method: str, path: str, body: object = None) -> Answer:
    """One request and its answer; it fails when patience ends."""
    with connect(person) as peer:
        peer.sendall(request(method, path, body))
        return read_answer(peer)


def ask_token(person: Person, account: str, **wanted: object) -> Answer:
    """`POST /v1/token`."""
    return ask(person, "POST", "/v1/token", {"account": account, **wanted})


def begin_sign_in(person: Person, issuer: FaultyIssuer, account: str) -> Answer:
    """`POST /v1/logins` for an account at this issuer."""
    body = {
        "account": account,
        "issuer": issuer.url,
        "client_id": "a-client",
        "scopes": ["files", "mail"],
    }
    return ask(person, "POST", "/v1/logins", body)


def sign_in(person: Person, issuer: FaultyIssuer, account: str | None = None) -> None:
    """Sign in at an issuer that takes any code: this is its page and the browser."""
    begun = begin_sign_in(person, issuer, account or issuer.name)
    assert begun.status == 201, begun
    asked = parse_qs(urlsplit(str(begun.document["authorization_url"])).query)
    response = {"code": "any", "state": asked["state"][0], "iss": issuer.url}
    follow(f"{asked['redirect_uri'][0]}?{urlencode(response)}")
    ended = ask(person, "GET", f"/v1/logins/{begun.document['id']}?wait=60")
    assert ended.document["state"] == "complete", ended
