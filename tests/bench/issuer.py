"""Many small issuers in one process, for both brokers: each path is one of them.

`python -m tests.bench.issuer` says one JSON line `{"url": str}`. The issuer URL is that
and a name, any name. Any code is good, every refresh token is good for ever, and a
token lives an hour. `/control/NAME` counts, and makes an issuer slow from then on.
Those that misbehave in every way are those of `tests/faults`.
"""

import asyncio
import json
import secrets
from dataclasses import dataclass

from aiohttp import web

LIFE_SECONDS = 3600


@dataclass
class State:
    """Of one issuer: how often its token endpoint was asked, and what it does then."""

    asked: int = 0
    behaviour: str = "good"


async def good(request: web.Request) -> web.StreamResponse:
    form = await request.post()
    return web.json_response(
        {
            "access_token": secrets.token_urlsafe(32),
            "token_type": "Bearer",
            "expires_in": LIFE_SECONDS,
            "refresh_token": str(form.get("refresh_token", "seed")),
            "scope": str(form.get("scope", "openid offline_access one")),
        }
    )


async def slow(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(3)
    return await good(request)


class Issuers:
    """By their names."""

    def __init__(self) -> None:
        self._states: dict[str, State] = {}

    def app(self) -> web.Application:
        app = web.Application()
        metadata = "/.well-known/openid-configuration"
        app.router.add_get("/{name}" + metadata, self.metadata)
        app.router.add_post("/{name}/token", self.token)
        app.router.add_get("/control/{name}", self.count)
        app.router.add_post("/control/{name}", self.misbehave)
        return app

    def state(self, request: web.Request) -> State:
        return self._states.setdefault(request.match_info["name"], State())

    async def metadata(self, request: web.Request) -> web.StreamResponse:
        url = f"http://{request.host}/{request.match_info['name']}"
        return web.json_response(
            {
                "issuer": url,
                "authorization_endpoint": f"{url}/authorize",
                "token_endpoint": f"{url}/token",
                "jwks_uri": f"{url}/jwks",
                "scopes_supported": ["openid", "offline_access", "one"],
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def token(self, request: web.Request) -> web.StreamResponse:
        state = self.state(request)
        state.asked += 1
        return await (slow if state.behaviour == "slow" else good)(request)

    async def count(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"asked": self.state(request).asked})

    async def misbehave(self, request: web.Request) -> web.StreamResponse:
        self.state(request).behaviour = await request.text()
        return web.json_response({})


async def serve() -> None:
    runner = web.AppRunner(Issuers().app(), access_log=None, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    print(json.dumps({"url": f"http://{host}:{port}"}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
