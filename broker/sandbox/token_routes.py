"""The token, revocation and introspection endpoints, over aiohttp."""

import json
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus

from aiohttp import web

from broker.sandbox import parameters
from broker.sandbox.endpoints import Endpoints
from broker.sandbox.validator import GRANT_TYPES
from broker.sandbox.wire import answer_json, read_form

_Endpoint = Callable[..., tuple[dict[str, str], str, int]]
"""One of oauthlib's: called with URI, method, parameters and headers."""

_URI = "https://sandbox.invalid/"  # what oauthlib is told, as in authorize.py


class TokenRoutes:
    """POST /token, /revoke and /introspect, and how often each kind was asked."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._asked: Counter[str] = Counter(dict.fromkeys((*GRANT_TYPES, "other"), 0))

    def routes(self) -> list[web.RouteDef]:
        """What to add to the router."""
        return [
            web.post("/token", self.token),
            web.post("/revoke", self.revoke),
            web.post("/introspect", self.introspect),
        ]

    def token_requests(self) -> dict[str, int]:
        """`{"authorization_code": int, "refresh_token": int, …, "other": int}`."""
        return dict(self._asked)

    async def token(self, http: web.Request) -> web.Response:
        """RFC 6749 section 3.2."""
        return await self._answer(
            http, self._endpoints.token.create_token_response, counted=True
        )

    async def revoke(self, http: web.Request) -> web.Response:
        """RFC 7009 section 2: an unknown token is revoked already."""
        return await self._answer(
            http, self._endpoints.revocation.create_revocation_response
        )

    async def introspect(self, http: web.Request) -> web.Response:
        """RFC 7662 section 2."""
        return await self._answer(
            http, self._endpoints.introspection.create_introspect_response
        )

    async def _answer(
        self, http: web.Request, endpoint: _Endpoint, *, counted: bool = False
    ) -> web.Response:
        try:
            known = await parameters_of(http)
        except ValueError as exc:
            return refusal(str(exc))
        if counted and "grant_type" not in known:
            return refusal("no grant_type")
        if counted:
            grant_type = known["grant_type"]
            self._asked[grant_type if grant_type in GRANT_TYPES else "other"] += 1
        basic = http.headers.get("Authorization")
        headers = {} if basic is None else {"Authorization": basic}
        _, body, status = endpoint(_URI, "POST", known, headers)
        return marked(body, status)


async def parameters_of(http: web.Request) -> dict[str, str]:
    """What stands in the body of a client's request.

    Raises:
        ValueError: see `parse_parameters` and `read_form`; or in the URL instead.
    """
    # In the URL they would end in logs; RFC 6749 section 3.2 has them in the body.
    if "?" in http.raw_path:
        raise ValueError("parameters belong into the body")
    return parameters.parse_parameters(await read_form(http), parameters.TOKEN)


def marked(body: str, status: int) -> web.Response:
    """What oauthlib answered, and that a sandbox gave it."""
    document: dict[str, object] = json.loads(body) if body else {}
    headers = {"Pragma": "no-cache"}
    if status == HTTPStatus.UNAUTHORIZED:
        # oauthlib says Bearer; the client has to authenticate here (RFC 6749 5.2).
        headers["WWW-Authenticate"] = 'Basic realm="brokerd sandbox"'
    return answer_json(document | {"sandbox": True}, status, headers)


def refusal(description: str) -> web.Response:
    """A request that oauthlib need not see."""
    document = {"error": "invalid_request", "error_description": description}
    return answer_json(document | {"sandbox": True}, HTTPStatus.BAD_REQUEST)
