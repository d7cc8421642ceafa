"""An issuer all of whose secrets are known, and who blurts them out where it can.

Every secret that it gives begins with `MARK`; what the broker makes up itself, such as
verifiers and assertions, is taken down as it comes in. Its refusals quote what they
were sent, as some issuers' do.
"""

import json
import secrets
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

MARK = "c4n4ry-"

_SECRET_FORMS = (
    "client_secret",
    "code",
    "code_verifier",
    "refresh_token",
    "device_code",
    "token",
    "client_assertion",
    "assertion",
    "subject_token",
)


@dataclass
class CanaryIssuer:
    """A running one.

    Attributes:
        url: its issuer identifier.
        secrets: all that it has given or been sent.
        manners: how the next token requests are answered: 'ok' where none is left.
    """

    url: str
    secrets: set[str] = field(default_factory=set)
    manners: deque[str] = field(default_factory=deque)

    def new(self, kind: str) -> str:
        """One more secret."""
        value = f"{MARK}{kind}-{secrets.token_urlsafe(24)}"
        self.secrets.add(value)
        return value

    def take_down(self, form: dict[str, str]) -> None:
        """What came in that is nobody else's."""
        self.secrets |= {form[name] for name in _SECRET_FORMS if form.get(name)}

    def metadata(self) -> dict[str, object]:
        """RFC 8414."""
        ends = {
            "authorization_endpoint": "authorize",
            "token_endpoint": "token",
            "revocation_endpoint": "revoke",
            "device_authorization_endpoint": "device",
        }
        return {
            "issuer": self.url,
            **{name: f"{self.url}/{end}" for name, end in ends.items()},
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "none"],
        }

    def token_answer(self, form: dict[str, str]) -> tuple[int, str, bytes]:
        """Status, type and body of what a token request gets."""
        manner = self.manners.popleft() if self.manners else "ok"
        said = " ".join(form.values())
        if manner == "refuse":
            refusal = {"error": "invalid_grant", "error_description": f"no: {said}"}
            return 400, "application/json", json.dumps(refusal).encode()
        if manner == "page":
            return 500, "text/html", f"<p>{said}</p>".encode()
        if manner == "nonsense":
            return 200, "application/json", f'{{"access_token": {said}'.encode()
        granted = {
            "access_token": self.new("access"),
            "refresh_token": self.new("refresh"),
            "token_type": "Bearer",
            "expires_in": 2 if manner == "short" else 3600,
        }
        if form.get("grant_type") == "client_credentials":
            del granted["refresh_token"]
        return 200, "application/json", json.dumps(granted).encode()


class _Handler(BaseHTTPRequestHandler):
    issuer: CanaryIssuer

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        if split.path.startswith("/.well-known/"):
            self._say(
                200, "application/json", json.dumps(self.issuer.metadata()).encode()
            )
            return
        asked = dict(parse_qsl(split.query))
        response = {"code": self.issuer.new("code"), "state": asked["state"]}
        self.send_response(302)
        self.send_header("Location", f"{asked['redirect_uri']}?{urlencode(response)}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        form = dict(parse_qsl(self.rfile.read(length).decode()))
        self.issuer.take_down(form)
        if self.path == "/token":
            self._say(*self.issuer.token_answer(form))
        elif self.path == "/device":
            answer = {
                "device_code": self.issuer.new("device"),
                "user_code": "WDJB-MJHT",
                "verification_uri": f"{self.issuer.url}/enter",
                "expires_in": 600,
                "interval": 1,
            }
            self._say(200, "application/json", json.dumps(answer).encode())
        else:
            self._say(200, "application/json", b"{}")

    def _say(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def canary_issuer() -> Iterator[CanaryIssuer]:
    """One, until the end."""
    handler = type("Handler", (_Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        issuer = CanaryIssuer(f"http://127.0.0.1:{server.server_port}")
        handler.issuer = issuer  # type: ignore[attr-defined]
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            serving.join()
