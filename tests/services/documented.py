"""Issuers that answer as the well-known ones document it, and refuse what they refuse.

Each stands for one table of issuers.toml. What it hears is checked as that issuer says
that it checks: a sign-in that would fail there fails here.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from broker.model.http import HttpRequest, HttpResponse
from tests.fakes.sender import json_response

CLIENT_ID = "client-1"
SECRET = "s3cret"
BASIC = "Basic " + base64.b64encode(f"{CLIENT_ID}:{SECRET}".encode()).decode()

Json = Mapping[str, object]


def _rfc_6749(*, rotates: bool = True, **members: object) -> Callable[[int], Json]:
    """Answers of RFC 6749 section 5.1; the first, the second …"""

    def answer(number: int) -> Json:
        body: dict[str, object] = {
            "access_token": f"access-{number}",
            "token_type": "bearer",
            "expires_in": 3600,
        }
        if rotates or number == 1:
            body["refresh_token"] = f"refresh-{number}"
        return {**body, **members}

    return answer


def _slack(number: int) -> Json:
    tokens: dict[str, object] = {
        "access_token": f"access-{number}",
        "token_type": "user",
        "scope": "chat:write,users:read",
        "expires_in": 43200,
        "refresh_token": f"refresh-{number}",
    }
    if number > 1:
        return {"ok": True, "team": {"id": "T1"}, **tokens}
    bot = {"access_token": "xoxb-bot", "token_type": "bot", "scope": "commands"}
    return {"ok": True, **bot, "authed_user": {"id": "U1", **tokens}}


def _github(number: int) -> Json:
    return {
        "access_token": f"access-{number}",
        "token_type": "bearer",
        "scope": "repo,gist",
    }


@dataclass
class Documented:
    """One issuer.

    Attributes:
        url: what a person types; a preset's name where it is empty.
        issuer: the `issuer` of its metadata, where that is not `url`.
        metadata: beside `issuer` and the three endpoints; None for an issuer that
            publishes none.
        answers: of the token endpoint, by their number.
        scopes: what is asked for.
        asked: parameters that it wants in an authorization request.
        redirect_uri: the one that is registered; any port where it has none.
        secret_in_body: whether id and secret go into the body, and not into a header.
    """

    url: str = ""
    issuer: str | None = None
    metadata: Json | None = None
    answers: Callable[[int], Json] = field(default_factory=_rfc_6749)
    scopes: tuple[str, ...] = ("drive", "mail")
    asked: Mapping[str, str] = field(default_factory=dict)
    redirect_uri: str = "http://127.0.0.1/"
    secret_in_body: bool = False
    revocation: str | None = None

    def __post_init__(self) -> None:
        self.given = 0
        self.revoked: list[str] = []
        self.live: set[str] = set()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """An answer to whatever the daemon sends it."""
        if request.method == "GET":
            return self._described(request.url)
        form = dict(parse_qsl(request.body.decode()))
        if not self._is_client(request, form):
            return json_response({"error": "invalid_client"}, status=401)
        if self.revocation is not None and request.url == self.revocation:
            self.revoked.append(form["token"])
            return HttpResponse(status=200)
        # Whoever rotates takes the newest alone.
        if (
            form["grant_type"] == "refresh_token"
            and form["refresh_token"] not in self.live
        ):
            return json_response({"error": "invalid_grant"}, status=400)
        self.given += 1
        answer = self.answers(self.given)
        if f'"refresh-{self.given}"' in json.dumps(answer):
            self.live = {f"refresh-{self.given}"}
        return json_response(dict(answer))

    def _described(self, url: str) -> HttpResponse:
        issuer = self.issuer or self.url
        base = self.url.rstrip("/")
        if self.metadata is None or not url.startswith(f"{base}/.well-known/"):
            return HttpResponse(status=404)
        named = {
            "issuer": issuer,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "revocation_endpoint": self.revocation,
        }
        return json_response({**named, **self.metadata})

    def _is_client(self, request: HttpRequest, form: Mapping[str, str]) -> bool:
        in_body = (form.get("client_id"), form.get("client_secret"))
        if self.secret_in_body:
            return in_body == (CLIENT_ID, SECRET)
        return request.headers.get("Authorization") == BASIC


_LOCAL_18484 = "http://localhost:18484/"
_S256: Json = {"code_challenge_methods_supported": ["S256"]}


def _discovered(url: str, **members: object) -> Documented:
    """An issuer with metadata and RFC 7009."""
    revocation = f"{url.rstrip('/')}/revoke"
    return Documented(url=url, revocation=revocation, metadata=_S256, **members)  # type: ignore[arg-type]


DOCUMENTED: Mapping[str, Callable[[], Documented]] = {
    "google": lambda: _discovered(
        "https://accounts.google.com",
        asked={"access_type": "offline"},
        answers=_rfc_6749(rotates=False, scope="drive mail"),
    ),
    "microsoft": lambda: _discovered(
        "https://login.microsoftonline.com/common/v2.0",
        issuer="https://login.microsoftonline.com/{tenantid}/v2.0",
        redirect_uri="http://localhost/",
    ),
    "microsoft-tenant": lambda: _discovered(
        "https://login.microsoftonline.com/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0",
        redirect_uri="http://localhost/",
    ),
    "github": lambda: Documented(
        answers=_github,
        scopes=("repo", "gist"),
        asked={"login": "octocat"},
        secret_in_body=True,
    ),
    "gitlab": lambda: _discovered("https://gitlab.com"),
    "bitbucket": lambda: Documented(scopes=(), redirect_uri=_LOCAL_18484),
    "atlassian": lambda: _discovered(
        "https://auth.atlassian.com",
        asked={"audience": "api.atlassian.com", "prompt": "consent"},
        redirect_uri=_LOCAL_18484,
    ),
    "dropbox": lambda: Documented(
        asked={"token_access_type": "offline"},
        redirect_uri="http://127.0.0.1:18484/",
        answers=_rfc_6749(rotates=False, uid="1", account_id="dbid:1"),
    ),
    "slack": lambda: Documented(
        scopes=("chat:write", "users:read"),
        asked={"user_scope": "chat:write,users:read"},
        redirect_uri=_LOCAL_18484,
        answers=_slack,
    ),
    "zoom": lambda: Documented(revocation="https://zoom.us/oauth/revoke"),
    "spotify": lambda: Documented(answers=_rfc_6749(rotates=False)),
    "discord": lambda: _discovered("https://discord.com", redirect_uri=_LOCAL_18484),
    "yahoo": lambda: _discovered(
        "https://api.login.yahoo.com",
        redirect_uri="https://mine.example/back",
        answers=_rfc_6749(xoauth_yahoo_guid="G1"),
    ),
    "fastmail": lambda: _discovered(
        "https://api.fastmail.com", redirect_uri="http://localhost/"
    ),
    "okta": lambda: _discovered("https://corp.okta.com", redirect_uri=_LOCAL_18484),
    "okta-server": lambda: _discovered(
        "https://corp.okta.com/oauth2/default", redirect_uri=_LOCAL_18484
    ),
    "keycloak": lambda: _discovered(
        "https://sso.example/realms/staff",
        answers=_rfc_6749(refresh_expires_in=1800, session_state="s"),
    ),
    "auth0": lambda: _discovered(
        "https://corp.eu.auth0.com",
        issuer="https://corp.eu.auth0.com/",
        redirect_uri="http://127.0.0.1:18484/",
    ),
    "egi": lambda: _discovered("https://aai.egi.eu/auth/realms/egi"),
    "wlcg": lambda: _discovered(
        "https://wlcg.cloud.cnaf.infn.it", issuer="https://wlcg.cloud.cnaf.infn.it/"
    ),
}
"""For each table of issuers.toml, an issuer that has its quirks, made anew."""
