"""One issuer: what it gives, what it has seen, and which fault it has now.

Knows no connection.
"""

import asyncio
import json
import secrets
import ssl
import time
from dataclasses import dataclass, field

from tests.faults.misbehaviour import refusal, reply

ACCESS = "access-"
REFRESH = "refresh-"
"""How its tokens begin, so that a test can look for them where they must not be."""


@dataclass
class RotatingIssuer:
    """It rotates refresh tokens, and kills a grant on reuse (RFC 9700 section 4.14.2).

    Attributes:
        url: its issuer identifier.
        tls: with its certificate, or None for plain http.
        fault: what it does wrong from now on, or None.
        life: `expires_in` of what it gives, in seconds.
        refreshable: whether a code gives a refresh token.
        forgives: whether the token before the newest is taken, too (some issuers
            call it a grace period).
        elsewhere: where 'redirect' sends.
        requests: what came, in order, without secrets.
        newest: number of the newest refresh token, by grant; dead ones are absent.
        reused: how often a retired refresh token has come.
        under_way: refreshes at this moment, by grant; `most` is the most there were.
        sent: bytes of floods that were taken.
        gate: what a held answer waits for.
    """

    url: str
    tls: ssl.SSLContext | None
    fault: str | None = None
    life: int = 3600
    refreshable: bool = True
    forgives: bool = False
    elsewhere: str = ""
    requests: list[dict[str, object]] = field(default_factory=list)
    newest: dict[str, int] = field(default_factory=dict)
    reused: int = 0
    under_way: dict[str, int] = field(default_factory=dict)
    most: int = 0
    sent: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def seen(self) -> dict[str, object]:
        """What a test may look at."""
        return {
            "requests": self.requests,
            "reused": self.reused,
            "most": self.most,
            "sent": self.sent,
        }

    def note(self, path: str, form: dict[str, str], headers: dict[str, str]) -> None:
        """Take down that a request has come."""
        self.requests.append(
            {
                "at": time.time(),
                "path": path,
                "fault": self.fault,
                "grant_type": form.get("grant_type"),
                "scope": form.get("scope"),
                "cookie": headers.get("cookie"),
            }
        )

    def begin(self, form: dict[str, str]) -> str:
        """Count a refresh as under way; returns what `end` is given."""
        grant = form.get("refresh_token", "").rpartition("-")[0]
        self.under_way[grant] = self.under_way.get(grant, 0) + 1
        if grant:
            self.most = max(self.most, self.under_way[grant])
        return grant

    def end(self, grant: str) -> None:
        self.under_way[grant] -= 1

    def metadata(self) -> bytes:
        """RFC 8414; under 'mismatch' that of somebody else."""
        url = self.url
        return json.dumps(
            {
                "issuer": f"{url}/other" if self.fault == "mismatch" else url,
                "authorization_endpoint": f"{url}/authorize",
                "token_endpoint": f"{url}/token",
                "token_endpoint_auth_methods_supported": ["none"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
            }
        ).encode()

    def token(self, form: dict[str, str], **members: object) -> bytes:
        """The good answer to a token request; it takes effect. Any code will do."""
        if form.get("grant_type") == "refresh_token":
            grant, number = self._next(form["refresh_token"])
            if not number:
                return refusal("400 Bad Request", "invalid_grant")
        else:
            grant, number = secrets.token_hex(8), 1
        self.newest[grant] = number
        answer = {
            "access_token": ACCESS + secrets.token_hex(16),
            "token_type": "Bearer",
            "expires_in": self.life,
            "scope": form.get("scope", "files mail"),
            **members,
        }
        if self.refreshable:
            answer["refresh_token"] = f"{REFRESH}{grant}-{number}"
        return reply(json.dumps(answer).encode())

    def _next(self, refresh_token: str) -> tuple[str, int]:
        """The grant, and the number of its next refresh token; 0 for none."""
        grant, _, last = refresh_token.removeprefix(REFRESH).partition("-")
        number, newest = int(last), self.newest.get(grant, 0)
        if number == newest:
            return grant, newest + 1
        self.reused += 1
        if self.forgives and number == newest - 1:
            return grant, newest
        # Whoever has stolen it may have the newest, too.
        self.newest.pop(grant, None)
        return grant, 0
