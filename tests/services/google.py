"""Google, as its endpoints answer accounts without a person: a sender that checks."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import RSAKey

from broker.model.http import HttpRequest, HttpResponse
from tests.fakes.sender import json_response

OAUTH = "https://oauth2.googleapis.com/token"
CERTS = "https://www.googleapis.com/oauth2/v3/certs"
DISCOVERY = "https://accounts.google.com/.well-known/openid-configuration"
STS = "https://sts.googleapis.com/v1/token"
IAM = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"
ROBOT = "robot@project.iam.gserviceaccount.com"
TARGET = "target@project.iam.gserviceaccount.com"
POOL = (
    "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool"
    "/providers/ci"
)
WORKFORCE = "//iam.googleapis.com/locations/global/workforcePools/pool/providers/idp"
DRIVE = "https://www.googleapis.com/auth/drive"


@cache
def private_key() -> rsa.RSAPrivateKey:
    """Of the service account; made once for all tests."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: object = None, *, passphrase: bytes | None = None) -> str:
    """A key in PEM, as Google's console writes it."""
    key = private_key() if key is None else key
    under: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        under = serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(  # type: ignore[attr-defined, no-any-return]
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, under
    ).decode()


def key_file(**members: object) -> str:
    """A service account's file; a member that is None is left out."""
    file: dict[str, object] = {
        "type": "service_account",
        "project_id": "project",
        "private_key_id": "key-1",
        "private_key": pem(),
        "client_email": ROBOT,
        "client_id": "117",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": OAUTH,
        "universe_domain": "googleapis.com",
        **members,
    }
    return json.dumps({k: v for k, v in file.items() if v is not None})


def workload_file(source: Mapping[str, object], **members: object) -> str:
    """A configuration of workload identity federation."""
    file: dict[str, object] = {
        "type": "external_account",
        "audience": POOL,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": STS,
        "credential_source": source,
        **members,
    }
    return json.dumps({k: v for k, v in file.items() if v is not None})


class FakeGoogle:
    """Answers as Google does, once it has looked at what it is shown.

    Attributes:
        asked: every URL, in order.
        assertions: the claims of each assertion that was good.
        forms: what token endpoints were sent.
        bodies: what the IAM Credentials API was sent, each with its bearer.
        at: more answers, by URL.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.assertions: list[dict[str, object]] = []
        self.forms: list[dict[str, str]] = []
        self.bodies: list[tuple[str, dict[str, object]]] = []
        self.at: dict[str, HttpResponse] = {}
        self._given = 0

    def __call__(self, request: HttpRequest) -> HttpResponse:
        self.asked.append(request.url)
        if request.url in self.at:
            return self.at[request.url]
        if request.url.startswith(IAM):
            return self._iam(request)
        if request.url in _PUBLISHED:
            return json_response(_PUBLISHED[request.url]())
        form = {k: v[0] for k, v in parse_qs(request.body.decode()).items()}
        self.forms.append(form)
        if "assertion" not in form:
            return self._token()
        claims = read_assertion(form["assertion"])
        self.assertions.append(claims)
        if "target_audience" in claims:
            return json_response({"id_token": an_id_token(claims["target_audience"])})
        return self._token()

    def _iam(self, request: HttpRequest) -> HttpResponse:
        lower = {name.lower(): value for name, value in request.headers.items()}
        body = json.loads(request.body)
        self.bodies.append((lower["authorization"], body))
        if request.url.endswith(":generateIdToken"):
            return json_response({"token": an_id_token(body["audience"])})
        if request.url.endswith(":signJwt"):
            claims = json.loads(body["payload"])
            return json_response({"signedJwt": signed(claims), "keyId": "google-1"})
        end = datetime.now(UTC) + timedelta(seconds=int(body["lifetime"][:-1]))
        self._given += 1
        moment = end.strftime("%Y-%m-%dT%H:%M:%SZ")
        date = datetime.now(UTC).timestamp()
        answer = json_response(
            {"accessToken": f"ya29.{self._given}", "expireTime": moment}
        )
        return HttpResponse(
            status=200,
            headers=answer.headers,
            body=answer.body,
            date=date,  # type: ignore[arg-type]
        )

    def _token(self) -> HttpResponse:
        self._given += 1
        return json_response(
            {
                "access_token": f"ya29.{self._given}",
                "expires_in": 3599,
                "token_type": "Bearer",
            }
        )


def key_set(kid: str = "key-1") -> dict[str, object]:
    """What Google publishes: the public half of the key that signs here."""
    public = RSAKey.import_key(private_key().public_key()).as_dict(private=False)
    return {"keys": [{**public, "kid": kid, "alg": "RS256", "use": "sig"}]}


def metadata() -> dict[str, object]:
    """As far as a sign-in needs it."""
    return {
        "issuer": "https://accounts.google.com",
        "authorization_endpoint": "https://accounts.google.com/o/oauth2/v2/auth",
        "token_endpoint": OAUTH,
        "revocation_endpoint": "https://oauth2.googleapis.com/revoke",
        "jwks_uri": CERTS,
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["plain", "S256"],
    }


_PUBLISHED = {CERTS: key_set, DISCOVERY: metadata}


def read_assertion(text: str) -> dict[str, object]:
    """The claims, once signature, issuer, audience and times are as Google wants."""
    key = RSAKey.import_key(private_key().public_key())
    token = jwt.decode(text, key, algorithms=["RS256"])
    claims = dict(token.claims)
    assert claims["aud"] == OAUTH
    now = time.time()
    assert now - 60 <= claims["iat"] <= now + 60
    assert claims["exp"] - claims["iat"] <= 3600
    return claims


def signed(claims: Mapping[str, object]) -> str:
    """A JWT under the service account's key."""
    key = RSAKey.import_key(private_key())
    return jwt.encode({"alg": "RS256", "kid": "key-1"}, dict(claims), key)


def an_id_token(audience: object) -> str:
    """As Google gives it."""
    now = int(time.time())
    return signed(
        {
            "iss": "https://accounts.google.com",
            "aud": audience,
            "iat": now,
            "exp": now + 3600,
            "sub": "117",
        }
    )


def refusal(
    error: str, description: str, status: int = 400, **headers: str
) -> HttpResponse:
    """What a token endpoint of Google's says."""
    return json_response(
        {"error": error, "error_description": description}, status, headers
    )


def iam_refusal(status: str, message: str, code: int = 403) -> HttpResponse:
    """What an API of Google's says."""
    return json_response(
        {"error": {"code": code, "message": message, "status": status}}, code
    )
