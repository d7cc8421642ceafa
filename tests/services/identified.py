"""ID tokens of the world of these tests, and its issuer with keys."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from broker.model.grant import Grant
from broker.model.http import HttpRequest, HttpResponse
from broker.model.issuer import Issuer
from broker.model.secret import Secret
from tests.fakes.sender import json_response
from tests.fakes.signer import Signer, key_set
from tests.services.world import ISSUER, a_grant, token_answer

NOW = 1_800_000_000
KEYS_URL = "https://issuer.example/jwks"
USERINFO_URL = "https://issuer.example/me"
WITH_KEYS = replace(ISSUER, jwks_uri=KEYS_URL)
SIGNER = Signer()

Answer = HttpResponse | Callable[[], HttpResponse]


def claims(**members: object) -> dict[str, object]:
    """Of an ID token of 'work'; a member that is None is left out."""
    known = {
        "iss": ISSUER.url,
        "aud": "client-1",
        "sub": "person-1",
        "iat": NOW,
        "exp": NOW + 3600,
        **members,
    }
    return {name: value for name, value in known.items() if value is not None}


def id_token(signer: Signer = SIGNER, /, **members: object) -> Secret:
    """Signed."""
    return signer.secret(claims(**members))


def identified(issuer: Issuer = WITH_KEYS, /, **members: object) -> Grant:
    """The grant of 'work', signed in with `openid`."""
    grant = a_grant(scopes="openid drive", subject="person-1")
    account = replace(grant.account, issuer=issuer)
    return replace(grant, account=account, **members)


@dataclass
class TalkingIssuer:
    """Answers what is asked of the issuer: tokens, keys, userinfo.

    Attributes:
        keys: of the key set, or another answer for it; an exception is raised.
        id_token: what the token endpoint gives besides, or None.
        userinfo: what it says.
        asked: paths, in order.
    """

    keys: tuple[Signer, ...] | HttpResponse | Exception = (SIGNER,)
    id_token: Secret | None = None
    userinfo: Mapping[str, object] | HttpResponse | Exception | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    tokens: int = 0

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.url.removeprefix(ISSUER.url)
        self.asked.append(path)
        if path == "/jwks":
            return self._keys()
        if path == "/me":
            return self._userinfo()
        self.tokens += 1
        given = None if self.id_token is None else self.id_token.reveal()
        return token_answer(
            f"access-{self.tokens}", refresh_token=f"r-{self.tokens}", id_token=given
        )

    def count(self, path: str) -> int:
        """How often it was asked."""
        return self.asked.count(path)

    def _keys(self) -> HttpResponse:
        if isinstance(self.keys, Exception):
            raise self.keys
        if isinstance(self.keys, HttpResponse):
            return self.keys
        return json_response(key_set(*self.keys), headers=self.headers)

    def _userinfo(self) -> HttpResponse:
        if isinstance(self.userinfo, Exception):
            raise self.userinfo
        if isinstance(self.userinfo, HttpResponse):
            return self.userinfo
        assert self.userinfo is not None
        return json_response(self.userinfo)
