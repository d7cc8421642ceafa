"""An API on loopback that takes bearer tokens: for clients that speak real HTTP."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: `bearer` is the token it carried, of either type, or None."""

    method: str
    path: str
    bearer: str | None
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Said:
    """What the API answers."""

    status: int
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


def accepts(*tokens: str) -> Callable[[Call], Said]:
    """200 to a call that carries one of `tokens`, 401 to any other."""

    def answer(call: Call) -> Said:
        return Said(200, {"ok": True}) if call.bearer in tokens else Said(401, {})

    return answer


@dataclass
class FakeApi:
    """Serves on a free loopback port while it is entered."""

    answer: Callable[[Call], Said]
    calls: list[Call] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def bearers(self) -> list[str | None]:
        """The tokens that came, in order."""
        return [call.bearer for call in self.calls]

    def __enter__(self) -> Self:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # A connection that a client keeps would hold the test up at its end.
            close_connection = True
            # Head and body leave in one piece: a client that reads only the head
            # would otherwise find its connection done with or not, as it happens.
            wbufsize = -1

            def handle_one_request(self) -> None:
                super().handle_one_request()
                self.close_connection = True

            def do_GET(self) -> None:
                api._serve(self)

            do_POST = do_GET  # noqa: N815 - the base class names it

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as above
                del format, args

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), name="fake API"
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        scheme, _, token = (request.headers.get("Authorization") or "").partition(" ")
        call = Call(
            method=request.command,
            path=request.path,
            bearer=token if scheme in ("Bearer", "DPoP") else None,
            headers={k.lower(): v for k, v in request.headers.items()},
            body=_body(request),
        )
        self.calls.append(call)
        said = self.answer(call)
        content = json.dumps(said.body).encode()
        request.send_response(said.status)
        for name, value in said.headers.items():
            request.send_header(name, value)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(content)))
        request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(content)


def _body(request: BaseHTTPRequestHandler) -> bytes:
    """All of it: to close with a part unread would reset the client's connection."""
    if request.headers.get("Transfer-Encoding") != "chunked":
        return request.rfile.read(int(request.headers.get("Content-Length") or 0))
    body = b""
    while size := int(request.rfile.readline(), 16):
        body += request.rfile.read(size)
        request.rfile.readline()
    request.rfile.readline()
    return body
