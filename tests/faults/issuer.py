"""An issuer that does as it is told: a process of its own, for what no real one does.

oidc-provider knows no grace for a refresh token whose answer was lost, and loses no
answer on purpose. The truth of the protocol is tested against that one, not here.

Each sign-in approves by itself, and begins a family of refresh tokens: the present one,
and the one before it, which is taken again where the issuer has grace; any other one
that it gave revokes the family (RFC 9700 section 4.14.2).

Tells on stdout, a JSON line each: where it listens; "asked" when a token request has
come; "answered" when the last byte of its answer is written.
"""

import argparse
import asyncio
import copy
import hashlib
import json
import secrets
import socket
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from yarl import URL


@dataclass
class Family:
    """What came of one sign-in."""

    client: str
    present: str
    previous: str | None = None
    older: list[str] = field(default_factory=list)
    revoked: bool = False
    rotations: int = 0


@dataclass
class Manners:
    """How it answers token requests from now on.

    Attributes:
        rotate: a refresh gives a new refresh token.
        grace: the one before is taken, too.
        hold: answers wait for `release`.
        unwilling: it revokes nothing, and says 503.
        drop: the connection ends in place of the answer; all else has happened.
        access_ttl: seconds.
    """

    rotate: bool = True
    grace: bool = False
    hold: bool = False
    unwilling: bool = False
    drop: bool = False
    access_ttl: int = 3600


class Issuer:
    """The endpoints, and /control/, from where the tests rule it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.manners = Manners()
        self.families: list[Family] = []
        self.kept: list[Family] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.given: list[str] = []
        self.access_tokens: dict[str, list[str]] = {}
        self.released = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/.well-known/{kind}", self.metadata),
            web.get("/authorize", self.authorize),
            web.post("/token", self.token),
            web.post("/revoke", self.revoke),
            web.post("/control/{deed}", self.control),
        ]

    async def metadata(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "revocation_endpoint": f"{self.url}/revoke",
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["client_secret_post", "none"],
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def authorize(self, request: web.Request) -> web.Response:
        code = secrets.token_urlsafe(16)
        self.codes[code] = dict(request.query)
        answer = {"code": code, "state": request.query["state"], "iss": self.url}
        raise web.HTTPFound(URL(request.query["redirect_uri"]).update_query(answer))

    async def token(self, request: web.Request) -> web.StreamResponse:
        form = {key: str(value) for key, value in (await request.post()).items()}
        tell("asked", form["grant_type"])
        manners = copy.copy(self.manners)
        if manners.hold:
            await self.released.wait()
        family = self.family(form, manners)
        body = self.gift(family, manners) if family else {"error": "invalid_grant"}
        if manners.drop:
            assert request.transport
            request.transport.abort()
            return web.Response()
        answer = web.json_response(body, status=200 if family else 400)
        await answer.prepare(request)
        await answer.write_eof()
        tell("answered", form["grant_type"])
        return answer

    def family(self, form: dict[str, str], manners: Manners) -> Family | None:
        match form["grant_type"]:
            case "authorization_code":
                return self.redeem(form)
            case "client_credentials":
                self.given.append(form["client_secret"])
                return Family(form["client_id"], self.new_secret())
        return self.refresh(form, manners)

    def redeem(self, form: dict[str, str]) -> Family | None:
        asked = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or asked["code_challenge"] != challenge:
            return None
        self.families.append(Family(form["client_id"], self.new_secret()))
        return self.families[-1]

    def refresh(self, form: dict[str, str], manners: Manners) -> Family | None:
        client, token = form["client_id"], form["refresh_token"]
        for family in self.families:
            if family.client != client or family.revoked:
                continue
            if token == family.present:
                return self.rotated(family) if manners.rotate else family
            if token == family.previous and manners.grace:
                # The answer before this one was lost, and is void.
                family.previous, family.present = None, token
                return self.rotated(family)
            family.revoked = token in (family.previous, *family.older)
        return None

    def rotated(self, family: Family) -> Family:
        family.older += [family.previous] if family.previous else []
        family.previous, family.present = family.present, self.new_secret()
        family.rotations += 1
        return family

    def gift(self, family: Family, manners: Manners) -> dict[str, object]:
        access_token = self.new_secret()
        self.access_tokens.setdefault(family.client, []).append(access_token)
        return {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": manners.access_ttl,
            "refresh_token": family.present,
        }

    def new_secret(self) -> str:
        self.given.append(secrets.token_urlsafe(24))
        return self.given[-1]

    async def revoke(self, request: web.Request) -> web.Response:
        if self.manners.unwilling:
            return web.Response(status=503)
        token = (await request.post())["token"]
        for family in self.families:
            family.revoked |= token in (family.present, family.previous, *family.older)
        return web.Response()

    async def control(self, request: web.Request) -> web.Response:
        body = await request.json()
        return web.json_response(
            getattr(self, f"do_{request.match_info['deed']}")(body)
        )

    def do_manners(self, changes: dict[str, Any]) -> None:
        self.manners = Manners(**changes)

    def do_release(self, _: object) -> None:
        """Let go of all that are held, and of those to come."""
        self.manners.hold = False
        self.released.set()
        self.released = asyncio.Event()

    def do_adopt(self, tokens: dict[str, str]) -> None:
        """Take refresh tokens, by client, for such as it gave."""
        for client, token in tokens.items():
            self.families.append(Family(client, token))
            self.given.append(token)

    def do_keep(self, _: object) -> None:
        self.kept = copy.deepcopy(self.families)

    def do_back(self, _: object) -> None:
        """All families as they were at the last `keep`."""
        self.families = copy.deepcopy(self.kept)

    def do_show(self, client: str) -> dict[str, object]:
        """`{"rotations": int, "revoked": bool, "access_tokens": [str]}`."""
        families = [family for family in self.families if family.client == client]
        return {
            "rotations": sum(family.rotations for family in families),
            "revoked": any(family.revoked for family in families),
            "access_tokens": self.access_tokens.get(client, []),
        }

    def do_secrets(self, _: object) -> list[str]:
        """Every token that it ever gave."""
        return self.given


def tell(event: str, detail: str) -> None:
    print(json.dumps([event, detail]), flush=True)


async def serve(port: int) -> None:
    with socket.create_server(("127.0.0.1", port)) as listening:
        url = "http://{}:{}".format(*listening.getsockname())
        app = web.Application()
        app.add_routes(Issuer(url).routes())
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        tell("listening", url)
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(serve(parser.parse_args().port))
