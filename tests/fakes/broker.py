"""A broker for the tests of its clients: a real Unix socket, scripted answers."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request as it came: names of headers in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        value: dict[str, object] = json.loads(self.body)
        return value


Answer = Callable[[Received], bytes | None]
"""The bytes to answer with; None to say nothing until the client leaves."""


def http(status: int, body: object = None, *, text: str | None = None) -> bytes:
    """A whole reply with a JSON body, or a text one, or none."""
    kind = "text/plain" if text is not None else "application/json"
    content = b"" if body is None else json.dumps(body).encode()
    content = content if text is None else text.encode()
    head = (
        f"HTTP/1.1 {status} Said\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + content


def token_reply(access_token: object = "tok-1", **members: object) -> bytes:
    """A reply of `POST /v1/token`."""
    body: dict[str, object] = {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_at": 4102444800.0,
        "scopes": ["drive", "mail"],
        "account": "work",
    }
    return http(200, {**body, **members})


def problem_reply(status: int, code: str, **facts: object) -> bytes:
    """A problem document."""
    body = {
        "type": f"urn:brokerd:problem:{code}",
        "title": code,
        "status": status,
        "code": code,
        "detail": f"the sentence of {code}",
        "hint": f"the hint of {code}",
    }
    return http(status, {**body, **facts})


def in_turn(*answers: bytes | None) -> Answer:
    """Answers one after the other, whatever is asked; too many requests are a fault."""
    left = iter(answers)
    return lambda _: next(left)


@dataclass
class FakeBroker:
    """Serves connections on `path`, each in a thread of its own.

    Attributes:
        path: of the socket; its folder is made 0700.
        answer: decides each reply.
        requests: what came, in order.
        connections: how many clients connected.
        strays: bytes of connections that sent no whole request.
        keeps_open: whether the client is the one who hangs up.
    """

    path: Path
    answer: Answer
    keeps_open: bool = False
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    strays: list[bytes] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self.path))
        self.path.chmod(0o600)
        self._listener.listen(64)
        self._served: list[tuple[socket.socket, threading.Thread]] = []
        self._thread = threading.Thread(target=self._serve, name="fake broker")
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # accept() returns in the thread when the listener is shut down.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for connection, thread in self._served:
            # Whoever still waits, as a poll does that was given up, waits no more.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            serving = threading.Thread(
                target=self._converse, args=(connection,), name="fake connection"
            )
            self._served.append((connection, serving))
            serving.start()

    def _converse(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(ConnectionError, BrokenPipeError):
            self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        received = _read(connection)
        if isinstance(received, bytes):
            self.strays.append(received)
            return
        self.requests.append(received)
        reply = self.answer(received)
        if reply is not None:
            connection.sendall(reply)
        if reply is not None and not self.keeps_open:
            return
        while connection.recv(4096):
            pass


def _read(connection: socket.socket) -> Received | bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return data
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = dict(_split_headers(lines[1:]))
    length = int(headers.get("content-length", "0"))
    while len(body) < length:
        body += connection.recv(65536)
    method, target, _ = lines[0].split(" ")
    return Received(method=method, target=target, headers=headers, body=body)


def _split_headers(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        name, _, value = line.partition(": ")
        yield name.lower(), value
