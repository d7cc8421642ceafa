"""The file API over aiohttp: bearer tokens, and errors in Google's shape."""

from collections.abc import Callable, Mapping
from http import HTTPStatus

from aiohttp import web

from broker.model.time import UnixTime
from broker.sandbox import drive
from broker.sandbox.grants import Grants
from broker.sandbox.metadata import DRIVE_API
from broker.sandbox.wire import answer_json, bearer_token

_REALM = 'Bearer realm="brokerd sandbox"'


class DriveRoutes:
    """GET /drive/v3/files and /drive/v3/about."""

    def __init__(self, grants: Grants, *, issuer: str, start: UnixTime) -> None:
        self._grants = grants
        self._start = start
        api = issuer + DRIVE_API
        self._audiences = frozenset({issuer, issuer + "/", api, api.rstrip("/")})

    def routes(self) -> list[web.RouteDef]:
        """What to add to the router."""
        return [
            web.get(DRIVE_API + "files", self.files),
            web.get(DRIVE_API + "about", self.about),
        ]

    async def files(self, http: web.Request) -> web.Response:
        """`drive.files.list`."""
        return self._answer(http, lambda query: drive.list_files(query, self._start))

    async def about(self, http: web.Request) -> web.Response:
        """`drive.about.get`."""
        return self._answer(http, drive.about)

    def _answer(
        self,
        http: web.Request,
        method: Callable[[Mapping[str, str]], drive.Resource],
    ) -> web.Response:
        token = bearer_token(http)
        found = None if token is None else self._grants.find_access_token(token)
        if found is None or not self._is_for_us(found[1].audience):
            return _unauthenticated(was_sent=token is not None)
        if not drive.DRIVE_SCOPES.intersection(found[1].scopes):
            return _insufficient()
        try:
            return answer_json(method(http.query))
        except drive.ParameterError as exc:
            return _invalid_parameter(exc)

    def _is_for_us(self, audience: tuple[str, ...]) -> bool:
        """Whether a token bound to these resources (RFC 8707) may be used here."""
        return not audience or not self._audiences.isdisjoint(audience)


def _unauthenticated(*, was_sent: bool) -> web.Response:
    challenge = _REALM + (', error="invalid_token"' if was_sent else "")
    return _error(
        HTTPStatus.UNAUTHORIZED,
        "UNAUTHENTICATED",
        {
            "message": "The sandbox does not know this access token, or it has ended."
            if was_sent
            else "The sandbox wants an access token: Authorization: Bearer ...",
            "domain": "global",
            "reason": "authError" if was_sent else "required",
            "location": "Authorization",
            "locationType": "header",
        },
        {"WWW-Authenticate": challenge},
    )


def _insufficient() -> web.Response:
    return _error(
        HTTPStatus.FORBIDDEN,
        "PERMISSION_DENIED",
        {
            "message": "This access token holds no Drive scope of the sandbox.",
            "domain": "global",
            "reason": "insufficientPermissions",
        },
        {"WWW-Authenticate": _REALM + ', error="insufficient_scope"'},
        [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
                "domain": "googleapis.com",
            }
        ],
    )


def _invalid_parameter(error: drive.ParameterError) -> web.Response:
    return _error(
        HTTPStatus.BAD_REQUEST,
        "INVALID_ARGUMENT",
        {
            "message": f"{error.parameter}: {error.what}",
            "domain": "global",
            "reason": "invalidParameter",
            "location": error.parameter,
            "locationType": "parameter",
        },
        {},
    )


def _error(
    code: int,
    status: str,
    cause: Mapping[str, str],
    headers: Mapping[str, str],
    details: list[Mapping[str, str]] | None = None,
) -> web.Response:
    """`{"error": {"code": int, "message": str, "errors": [...], "status": str}}`."""
    error: dict[str, object] = {
        "code": code,
        "message": cause["message"],
        "errors": [dict(cause)],
        "status": status,
    }
    if details is not None:
        error["details"] = details
    return answer_json({"error": error, "sandbox": True}, code, headers)
