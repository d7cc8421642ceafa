"""The sandbox's routes over one set of grants, and what holds for all of them."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from broker.model.client import Client
from broker.model.time import Seconds
from broker.sandbox import pages
from broker.sandbox.authorize import AuthorizationRoutes
from broker.sandbox.consent import ConsentDesk
from broker.sandbox.device_routes import DeviceRoutes
from broker.sandbox.devices import Devices
from broker.sandbox.drive_routes import DriveRoutes
from broker.sandbox.endpoints import TokenTerms, build_endpoints
from broker.sandbox.grants import Clock, Grants
from broker.sandbox.metadata import metadata_document
from broker.sandbox.signing import IdTokenSigner
from broker.sandbox.token_routes import TokenRoutes
from broker.sandbox.validator import SandboxValidator
from broker.sandbox.wire import LARGEST_BODY_BYTES, answer_json, answer_page

log = logging.getLogger(__name__)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a sandbox is, once it has its port; see `SandboxOptions`."""

    issuer: str
    client_secrets: Path
    access_ttl: int
    refresh_ttl: int | None
    auto_approve: bool
    clock: Clock


def build_application(settings: Settings, client: Client) -> web.Application:
    """All routes of one sandbox with its one client."""
    app = web.Application(
        middlewares=[_only_host(settings.issuer), _answer_faults],
        client_max_size=LARGEST_BODY_BYTES,
    )
    app.on_response_prepare.append(_say_sandbox)
    app.add_routes(_all_routes(settings, client))
    return app


def _all_routes(settings: Settings, client: Client) -> list[web.RouteDef]:
    issuer, life = settings.issuer, settings.refresh_ttl
    grants = Grants(
        settings.clock, refresh_life=None if life is None else Seconds(life)
    )
    signer = IdTokenSigner(issuer)
    devices = Devices(grants, settings.clock)
    endpoints = build_endpoints(
        SandboxValidator(grants, devices, client, issuer),
        grants,
        signer,
        TokenTerms(access_life=settings.access_ttl, auto_approve=settings.auto_approve),
        issuer,
    )
    authorization = AuthorizationRoutes(
        endpoints.authorization,
        ConsentDesk(settings.clock),
        issuer=issuer,
        auto_approve=settings.auto_approve,
    )
    device = DeviceRoutes(
        endpoints.device,
        devices,
        ConsentDesk(settings.clock),
        issuer=issuer,
        auto_approve=settings.auto_approve,
    )
    tokens = TokenRoutes(endpoints)
    files = DriveRoutes(grants, issuer=issuer, start=settings.clock())
    return [
        *authorization.routes(),
        *device.routes(),
        *tokens.routes(),
        *files.routes(),
        *_documents(settings, signer, tokens, grants),
    ]


def _documents(
    settings: Settings, signer: IdTokenSigner, tokens: TokenRoutes, grants: Grants
) -> list[web.RouteDef]:
    metadata = metadata_document(settings.issuer)
    keys = signer.public_keys()

    def stats() -> dict[str, object]:
        return {
            "token_requests": tokens.token_requests(),
            "live_sign_ins": grants.live_families(),
            "sandbox": True,
        }

    start = pages.start_page(settings.issuer, str(settings.client_secrets))
    return [
        _document("/.well-known/oauth-authorization-server", lambda: metadata),
        _document("/.well-known/openid-configuration", lambda: metadata),
        _document("/jwks", lambda: keys),
        _document("/sandbox/stats", stats),
        web.get("/", _start_page(start)),
    ]


def _document(path: str, document: Callable[[], dict[str, object]]) -> web.RouteDef:
    async def handler(_: web.Request) -> web.Response:
        return answer_json(document())

    return web.get(path, handler)


def _start_page(html: str) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return answer_page(html)

    return handler


def _only_host(issuer: str) -> Middleware:
    authority = issuer.removeprefix("http://")

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        # A name that somebody points at 127.0.0.1 makes this server part of his
        # site: his scripts could then read the consent page and click it.
        if request.headers.getall("Host", []) != [authority]:
            sentence = f"This server is {issuer} and has no other name"
            return answer_page(
                pages.error_page(sentence), HTTPStatus.MISDIRECTED_REQUEST
            )
        return await handler(request)

    return check


@web.middleware
async def _answer_faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as exc:
        return answer_json(
            {"error": "invalid_request", "error_description": exc.reason}
            | {"sandbox": True},
            exc.status,
            {"Allow": exc.headers["Allow"]} if "Allow" in exc.headers else None,
        )
    except Exception:
        log.exception("sandbox.request.failed path=%r", request.path)
        return answer_json({"error": "server_error", "sandbox": True}, 500)


async def _say_sandbox(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["Sandbox"] = "brokerd"
    response.headers["Server"] = "brokerd-sandbox"
