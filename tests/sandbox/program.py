"""A program that signs in at the sandbox, step by step, as tests want it."""

import base64
import hashlib
import html
import json
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, urlsplit

import aiohttp
from multidict import CIMultiDictProxy

from broker.model.time import UnixTime
from broker.sandbox.server import RunningSandbox

REDIRECT_URI = "http://127.0.0.1:43211/"
DRIVE = "https://www.googleapis.com/auth/drive.metadata.readonly"
API_FILES = "drive/v3/files"


class MovableClock:
    """Time that moves only when the test moves it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> UnixTime:
        return UnixTime(self.now)

    def advance(self, seconds: float) -> None:
        self.now += seconds


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One HTTP answer, read to its end."""

    status: int
    headers: CIMultiDictProxy[str]
    text: str

    def json(self) -> dict[str, object]:
        value = json.loads(self.text)
        assert isinstance(value, dict)
        return value

    def redirected(self) -> dict[str, str]:
        """The parameters of the authorization response."""
        assert self.status == 303, self.text
        return dict(parse_qsl(urlsplit(self.headers["Location"]).query))

    def hidden(self, name: str) -> str:
        """The value of a hidden field of the page."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        assert found is not None, self.text
        return html.unescape(found[1])


@dataclass(kw_only=True)
class Program:
    """Knows the client_secret.json and one PKCE verifier."""

    sandbox: RunningSandbox
    session: aiohttp.ClientSession
    client_id: str
    client_secret: str = field(repr=False)
    verifier: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(48))

    @classmethod
    def of(cls, sandbox: RunningSandbox, session: aiohttp.ClientSession) -> Self:
        installed = json.loads(Path(sandbox.client_secrets).read_text())["installed"]
        return cls(
            sandbox=sandbox,
            session=session,
            client_id=installed["client_id"],
            client_secret=installed["client_secret"],
        )

    @property
    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    @property
    def basic(self) -> dict[str, str]:
        return {"Authorization": basic_header(self.client_id, self.client_secret)}

    async def get(self, path: str, **headers: str) -> Answer:
        return await self._send("GET", path, None, headers)

    async def authorize(self, **changes: str | None) -> Answer:
        """GET /authorize; a change of None leaves the parameter out."""
        parameters: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": REDIRECT_URI,
            "scope": DRIVE,
            "state": "state-1",
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
        }
        parameters |= changes
        sent = {name: value for name, value in parameters.items() if value is not None}
        url = f"{self.sandbox.issuer}/authorize"
        async with self.session.get(url, params=sent, allow_redirects=False) as reply:
            return Answer(
                status=reply.status, headers=reply.headers, text=await reply.text()
            )

    async def post(
        self,
        path: str,
        form: dict[str, str] | list[tuple[str, str]],
        headers: dict[str, str] | None = None,
    ) -> Answer:
        return await self._send("POST", path, form, headers or {})

    async def token(self, **form: str) -> Answer:
        """POST /token with Basic authentication."""
        return await self.post("token", form, self.basic)

    async def code(self, **changes: str | None) -> str:
        """An authorization code; the sandbox must approve by itself."""
        return (await self.authorize(**changes)).redirected()["code"]

    async def spend(self, code: str, **changes: str) -> Answer:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT_URI,
            "code_verifier": self.verifier,
        }
        return await self.token(**(form | changes))

    async def sign_in(self, **changes: str | None) -> dict[str, str]:
        """The whole line: the token response."""
        answer = await self.spend(await self.code(**changes))
        assert answer.status == 200, answer.text
        return {name: str(value) for name, value in answer.json().items()}

    async def refresh(self, refresh_token: str, **form: str) -> Answer:
        return await self.token(
            grant_type="refresh_token", refresh_token=refresh_token, **form
        )

    async def files(self, access_token: str) -> Answer:
        return await self.get(API_FILES, Authorization=f"Bearer {access_token}")

    async def is_active(self, token: str) -> bool:
        answer = await self.post("introspect", {"token": token}, self.basic)
        return answer.json()["active"] is True

    async def _send(
        self,
        method: str,
        path: str,
        form: dict[str, str] | list[tuple[str, str]] | None,
        headers: dict[str, str],
    ) -> Answer:
        async with self.session.request(
            method,
            f"{self.sandbox.issuer}/{path}",
            data=form,
            headers=headers,
            allow_redirects=False,
        ) as reply:
            return Answer(
                status=reply.status, headers=reply.headers, text=await reply.text()
            )


def basic_header(client_id: str, client_secret: str) -> str:
    pair = f"{client_id}:{client_secret}".encode()
    return "Basic " + base64.b64encode(pair).decode()
