"""Google's tokens without a person: google-auth's own flows.

Google is one that looks at what it is shown: signatures, claims, bearers.
"""

import asyncio
import json
import socket
import threading
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest

from broker.model.account import Account, AccountName
from broker.model.client import Client
from broker.model.errors import (
    BadRequestError,
    BrokerError,
    ClockWrongError,
    CredentialRefusedError,
    DelegationRefusedError,
    ImpersonationRefusedError,
    IssuerMalformedError,
    IssuerOverloadedError,
    IssuerUnreachableError,
    WorkloadTokenError,
)
from broker.model.google import GoogleCredentials
from broker.model.grant import Grant
from broker.model.http import HttpRequest, HttpResponse
from broker.model.issuer import Issuer
from broker.model.secret import Secret
from broker.model.time import Seconds, UnixTime
from broker.model.token import AccessToken
from broker.oauth.google_credentials import parse_google_file
from broker.services.google_flow import endpoints_of
from broker.services.minting import MintingWorld
from broker.services.minting_google import GoogleMinter
from broker.services.skew import Skews
from broker.services.token_cache import TokenKey
from tests.fakes.clock import FakeClock
from tests.fakes.sender import FakeSender, json_response
from tests.services.google import (
    DRIVE,
    IAM,
    OAUTH,
    POOL,
    ROBOT,
    STS,
    TARGET,
    WORKFORCE,
    FakeGoogle,
    iam_refusal,
    key_file,
    refusal,
    workload_file,
)
from tests.services.threads import under_way

NAME = AccountName("robot")
ANN = "ann@example.com"
BOUNDARY = json.dumps(
    {
        "accessBoundaryRules": [
            {
                "availableResource": "//storage.googleapis.com/projects/_/buckets/b",
                "availablePermissions": ["inRole:roles/storage.objectViewer"],
            }
        ]
    }
)
WHOLE = TokenKey(account=NAME, scopes=None, resource=None)
ISSUER = Issuer(
    url="https://accounts.google.com",
    authorization_endpoint="https://accounts.google.com/o/oauth2/v2/auth",
    token_endpoint=OAUTH,
)


def credential(text: str | None = None, **members: Any) -> GoogleCredentials:
    found = parse_google_file(key_file() if text is None else text)
    return GoogleCredentials(
        **{
            "file": found.text,
            "impersonate": found.impersonate,
            "lifetime": found.lifetime,
            **members,
        }
    )


def a_grant(
    spec: GoogleCredentials,
    scopes: tuple[str, ...] = (DRIVE,),
    resource: str | None = None,
) -> Grant:
    client = Client(client_id="117")
    account = Account(
        name=NAME, issuer=ISSUER, client=client, scopes=scopes, resource=resource
    )
    return Grant(account=account, version=1, granted_at=UnixTime(0), unattended=spec)


class World:
    """A minter, with Google at its other end."""

    def __init__(self) -> None:
        self.google = FakeGoogle()
        self.sender = FakeSender(otherwise=self.google)
        self.clock = FakeClock()
        self.skews = Skews()
        self.newer = "2"
        self.minter = GoogleMinter(
            MintingWorld(
                sender=self.sender,
                clock=self.clock,
                skews=self.skews,
                token_of=self._token_of,
                id_token_of=self._no_id_token,
            )
        )

    async def mint(
        self, spec: GoogleCredentials, key: TokenKey = WHOLE, **more: Any
    ) -> AccessToken:
        return await self.minter.mint(a_grant(spec, **more), key)

    async def fails(self, spec: GoogleCredentials) -> BrokerError:
        with pytest.raises(BrokerError) as caught:
            await self.mint(spec)
        return caught.value

    async def _no_id_token(
        self, name: AccountName, rejected: Secret | None = None
    ) -> Secret:
        raise AssertionError((name, rejected))

    async def _token_of(
        self, name: AccountName, rejected: str | None = None
    ) -> AccessToken:
        number = "" if rejected is None else f"-{self.newer}"
        return AccessToken(
            value=Secret(f"token-of-{name}{number}"),
            token_type="Bearer",
            scopes=frozenset(),
            obtained=self.clock.now(),
            life=Seconds(1000),
        )


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def names_asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A tripwire: every host name that anything in this process looks up."""
    asked: list[str] = []

    def trip(host: object, *_: object, **__: object) -> list[object]:
        asked.append(str(host))
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", trip)
    return asked


async def test_a_key_gives_a_token(world: World) -> None:
    token = await world.mint(credential())
    assert token.value == Secret("ya29.1")
    assert (token.scopes, token.life) == (frozenset({DRIVE}), Seconds(3599))
    assert world.google.asked == [OAUTH]
    [claims] = world.google.assertions
    assert (claims["iss"], claims["scope"]) == (ROBOT, DRIVE)
    assert "sub" not in claims


async def test_a_narrower_token_is_asked_for_as_such(world: World) -> None:
    key = TokenKey(account=NAME, scopes=frozenset({"a"}), resource=None)
    token = await world.mint(credential(), key, scopes=("a", "b"))
    assert token.scopes == {"a"}
    assert world.google.assertions[0]["scope"] == "a"


async def test_a_key_asks_in_the_name_of_a_person(world: World) -> None:
    await world.mint(credential(subject=ANN))
    assert world.google.assertions[0]["sub"] == ANN


async def test_a_key_becomes_another_service_account(world: World) -> None:
    spec = credential(impersonate=TARGET, lifetime=900, delegates=("d@p.example",))
    token = await world.mint(spec)
    assert world.google.asked == [OAUTH, f"{IAM}{TARGET}:generateAccessToken"]
    assert world.google.bodies == [
        (
            "Bearer ya29.1",
            {"delegates": ["d@p.example"], "scope": [DRIVE], "lifetime": "900s"},
        )
    ]
    assert token.life is not None
    assert 895 <= token.life <= 900
    # What it begins with may do nothing else.
    assert world.google.assertions[0]["scope"] == "https://www.googleapis.com/auth/iam"


async def test_an_account_of_the_broker_becomes_a_service_account(world: World) -> None:
    spec = GoogleCredentials(parent=AccountName("work"), impersonate=TARGET)
    await world.mint(spec)
    assert world.google.asked == [f"{IAM}{TARGET}:generateAccessToken"]
    assert world.google.bodies[0][0] == "Bearer token-of-work"


async def test_a_token_that_is_no_good_any_more_is_asked_for_anew_once(
    world: World,
) -> None:
    spec = GoogleCredentials(parent=AccountName("work"), impersonate=TARGET)
    url = f"{IAM}{TARGET}:generateAccessToken"
    world.google.at[url] = iam_refusal("UNAUTHENTICATED", "invalid credentials", 401)
    error = await world.fails(spec)
    assert isinstance(error, ImpersonationRefusedError)
    assert [
        {k.lower(): v for k, v in each.headers.items()}["authorization"]
        for each in world.sender.requests
    ] == ["Bearer token-of-work", "Bearer token-of-work-2"]


async def test_what_is_refused_for_another_reason_is_asked_for_once(
    world: World,
) -> None:
    spec = GoogleCredentials(parent=AccountName("work"), impersonate=TARGET)
    url = f"{IAM}{TARGET}:generateAccessToken"
    world.google.at[url] = iam_refusal("PERMISSION_DENIED", "Permission denied")
    await world.fails(spec)
    assert world.google.asked == [url]


async def test_a_service_account_without_a_key_asks_in_the_name_of_a_person(
    world: World,
) -> None:
    spec = GoogleCredentials(
        parent=AccountName("work"), impersonate=TARGET, subject=ANN
    )
    await world.mint(spec)
    assert world.google.asked == [f"{IAM}{TARGET}:signJwt", OAUTH]
    [claims] = world.google.assertions
    assert (claims["iss"], claims["sub"]) == (TARGET, ANN)


async def test_a_key_that_becomes_another_asks_in_that_ones_name_for_a_person(
    world: World,
) -> None:
    await world.mint(credential(impersonate=TARGET, subject=ANN))
    assert world.google.asked == [OAUTH, f"{IAM}{TARGET}:signJwt", OAUTH]
    own, other = world.google.assertions
    assert (own["iss"], own.get("sub")) == (ROBOT, None)
    assert (other["iss"], other["sub"]) == (TARGET, ANN)


async def test_a_token_is_narrowed_by_a_boundary(world: World) -> None:
    token = await world.mint(credential(boundary=BOUNDARY))
    assert world.google.asked == [OAUTH, STS]
    exchange = world.google.forms[1]
    assert exchange["subject_token"] == "ya29.1"
    assert "objectViewer" in exchange["options"]
    assert token.value == Secret("ya29.2")


async def test_a_narrowed_token_lives_as_long_as_what_it_is_of(world: World) -> None:
    world.google.at[STS] = json_response({"access_token": "narrow"})
    token = await world.mint(credential(boundary=BOUNDARY))
    assert (token.value, token.life) == (Secret("narrow"), Seconds(3599))
    spec = GoogleCredentials(parent=AccountName("work"), boundary=BOUNDARY)
    assert (await world.mint(spec)).life == Seconds(1000)


async def test_a_workload_shows_the_token_in_its_file(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("eyJ.subject\n")
    text = workload_file({"file": str(tmp_path / "token")})
    token = await world.mint(credential(text))
    assert world.google.asked == [STS]
    form = world.google.forms[0]
    assert (form["subject_token"], form["audience"]) == ("eyJ.subject", POOL)
    assert (token.value, token.life) == (Secret("ya29.1"), Seconds(3599))


async def test_a_file_is_read_anew_for_each_token(world: World, tmp_path: Path) -> None:
    spec = credential(workload_file({"file": str(tmp_path / "token")}))
    for word in ("one", "two"):
        (tmp_path / "token").write_text(word)
        await world.mint(spec)
        assert world.google.forms[-1]["subject_token"] == word


async def test_what_a_program_has_left_is_shown_while_it_lives(
    world: World, tmp_path: Path
) -> None:
    output = tmp_path / "token.json"
    source = {"executable": {"command": "/bin/false", "output_file": str(output)}}
    spec = credential(workload_file(source))
    said = await world.fails(spec)
    assert isinstance(said, WorkloadTokenError)
    what = "it is not there; `brokerctl workload-token` has its program write it anew"
    assert (said.where, said.what) == (str(output), what)
    end = int(world.clock.now().wall) + 300
    answer = {
        "version": 1,
        "success": True,
        "expiration_time": end,
        "token_type": "urn:ietf:params:oauth:token-type:jwt",
        "id_token": "eyJ.subject",
    }
    output.write_text(json.dumps(answer))
    await world.mint(spec)
    assert world.google.forms[0]["subject_token"] == "eyJ.subject"
    await world.clock.advance(Seconds(301))
    said = await world.fails(spec)
    assert isinstance(said, WorkloadTokenError)
    assert said.what.startswith("its token has expired; ")


async def test_a_workload_asks_an_url_for_its_token(world: World) -> None:
    url = "http://169.254.169.254/metadata/identity/oauth2/token?resource=x"
    source = {
        "url": url,
        "headers": {"Metadata": "True"},
        "format": {"type": "json", "subject_token_field_name": "access_token"},
    }
    world.google.at[url] = json_response({"access_token": "from-azure"})
    await world.mint(credential(workload_file(source)))
    assert world.google.asked == [url, STS]
    first = world.sender.requests[0]
    assert (first.method, first.headers["Metadata"]) == ("GET", "True")
    assert first.to_metadata
    assert not world.sender.requests[1].to_metadata
    assert world.google.forms[-1]["subject_token"] == "from-azure"


async def test_a_workload_becomes_a_service_account(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("subject")
    text = workload_file(
        {"file": str(tmp_path / "token")},
        service_account_impersonation_url=f"{IAM}{TARGET}:generateAccessToken",
    )
    await world.mint(credential(text))
    assert world.google.asked == [STS, f"{IAM}{TARGET}:generateAccessToken"]


REGION = "eu-west-1"


async def test_a_workload_of_aws_signs_what_google_sends_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Those of the shell that began the daemon are not the machine's.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA-of-a-shell")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-a-shell")
    monkeypatch.setenv("AWS_REGION", "us-east-2")
    imds = "http://169.254.169.254/latest"
    verify = "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=1"
    zone, roles = f"{imds}/zone", f"{imds}/security-credentials"
    text = workload_file(
        {
            "environment_id": "aws1",
            "region_url": zone,
            "url": roles,
            "imdsv2_session_token_url": f"{imds}/api/token",
            "regional_cred_verification_url": verify,
        },
        subject_token_type="urn:ietf:params:aws:token-type:aws4_request",
    )
    world.google.at |= {
        f"{imds}/api/token": HttpResponse(status=200, body=b"session"),
        zone: HttpResponse(status=200, body=b"eu-west-1a"),
        roles: HttpResponse(status=200, body=b"role"),
        f"{roles}/role": json_response(
            {"AccessKeyId": "AKIA", "SecretAccessKey": "hush", "Token": "t"}
        ),
    }
    await world.mint(credential(text))
    assert world.google.asked[-1] == STS
    assert all(url.startswith(imds) for url in world.google.asked[:-1])
    shown = world.google.forms[-1]["subject_token"]
    asked = json.loads(unquote(shown))
    headers = {each["key"]: each["value"] for each in asked["headers"]}
    assert (asked["method"], asked["url"]) == ("POST", verify.format(region=REGION))
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIA/")
    assert headers["x-goog-cloud-target-resource"] == POOL
    assert headers["x-amz-security-token"] == "t"
    assert "hush" not in shown
    put, *rest = world.sender.requests[:-1]
    assert put.method == "PUT"
    assert {each.headers["X-aws-ec2-metadata-token"] for each in rest} == {"session"}


async def test_a_self_signed_token_is_asked_of_nobody(world: World) -> None:
    token = await world.mint(credential(self_signed=True))
    assert world.sender.requests == []
    parts = token.value.reveal().split(".")
    assert (len(parts), token.life) == (3, Seconds(3600))
    assert token.scopes == {DRIVE}


PUBSUB = "https://pubsub.googleapis.com/"


async def test_a_self_signed_token_is_for_an_audience(world: World) -> None:
    token = await world.mint(credential(self_signed=True), scopes=(), resource=PUBSUB)
    claims = _claims(token)
    assert claims["aud"] == PUBSUB
    assert (claims["iss"], claims["sub"]) == (ROBOT, ROBOT)


async def test_whoever_names_an_api_gets_no_more_than_the_scopes(world: World) -> None:
    key = TokenKey(account=NAME, scopes=None, resource=PUBSUB)
    claims = _claims(await world.mint(credential(self_signed=True), key))
    # With `aud` in the place of scopes it could do all of Pub/Sub.
    assert (claims.get("aud"), claims["scope"]) == (None, DRIVE)


def _claims(token: AccessToken) -> dict[str, object]:
    payload = token.value.reveal().split(".")[1]
    claims: dict[str, object] = msgspec.json.decode(_decoded(payload))
    return claims


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


async def test_a_key_gives_an_id_token_for_an_audience(world: World) -> None:
    token = await world.minter.id_token(a_grant(credential()), "https://run.example")
    assert world.google.asked == [OAUTH]
    assert world.google.assertions[0]["target_audience"] == "https://run.example"
    assert token.reveal().count(".") == 2


async def test_an_impersonated_account_gives_an_id_token(world: World) -> None:
    spec = GoogleCredentials(parent=AccountName("work"), impersonate=TARGET)
    await world.minter.id_token(a_grant(spec), "https://run.example")
    assert world.google.bodies == [
        (
            "Bearer token-of-work",
            {
                "audience": "https://run.example",
                "delegates": [],
                "includeEmail": True,
            },
        )
    ]


async def test_a_bare_workload_has_no_id_token(world: World, tmp_path: Path) -> None:
    spec = credential(workload_file({"file": str(tmp_path / "token")}))
    with pytest.raises(BadRequestError, match="needs a service account"):
        await world.minter.id_token(a_grant(spec), "https://run.example")
    assert world.sender.requests == []


@pytest.mark.parametrize(
    ("members", "url", "answer", "kind"),
    [
        (
            {},
            OAUTH,
            refusal("invalid_grant", "Invalid JWT Signature."),
            CredentialRefusedError,
        ),
        (
            {},
            OAUTH,
            refusal("invalid_grant", "Invalid grant: account not found"),
            CredentialRefusedError,
        ),
        (
            {},
            OAUTH,
            refusal("invalid_grant", "Token must be a short-lived token ... iat"),
            ClockWrongError,
        ),
        (
            {"subject": ANN},
            OAUTH,
            refusal("unauthorized_client", "Client is unauthorized", 401),
            DelegationRefusedError,
        ),
        (
            {"impersonate": TARGET},
            f"{IAM}{TARGET}:generateAccessToken",
            iam_refusal("PERMISSION_DENIED", "Permission denied"),
            ImpersonationRefusedError,
        ),
        (
            {"boundary": BOUNDARY},
            STS,
            refusal("invalid_request", "Invalid boundary"),
            CredentialRefusedError,
        ),
        ({}, OAUTH, HttpResponse(status=503), IssuerOverloadedError),
        ({}, OAUTH, HttpResponse(status=500), IssuerUnreachableError),
        ({}, OAUTH, refusal("internal_failure", ""), IssuerUnreachableError),
        ({}, OAUTH, HttpResponse(status=200, body=b"<html>"), IssuerMalformedError),
        ({}, OAUTH, json_response({}), IssuerMalformedError),
        ({}, OAUTH, json_response({"access_token": 7}), IssuerMalformedError),
        ({}, OAUTH, json_response({"access_token": "a\nb"}), IssuerMalformedError),
        (
            {},
            OAUTH,
            json_response({"access_token": "a", "expires_in": "soon"}),
            IssuerMalformedError,
        ),
        (
            {"boundary": BOUNDARY},
            STS,
            json_response({"access_token": "a", "expires_in": "9"}),
            IssuerMalformedError,
        ),
        (
            {"impersonate": TARGET},
            f"{IAM}{TARGET}:generateAccessToken",
            json_response({"accessToken": "a", "expireTime": "soon"}),
            IssuerMalformedError,
        ),
    ],
)
async def test_every_refusal_is_told_apart_and_asked_for_once(
    world: World,
    members: dict[str, Any],
    url: str,
    answer: HttpResponse,
    kind: type[BrokerError],
) -> None:
    world.google.at[url] = answer
    assert type(await world.fails(credential(**members))) is kind
    # google-auth would have tried again, and slept in between.
    assert world.google.asked.count(url) == 1


async def test_the_wait_that_google_wants_is_told(world: World) -> None:
    world.google.at[OAUTH] = HttpResponse(status=429, headers={"retry-after": "42"})
    error = await world.fails(credential())
    assert isinstance(error, IssuerOverloadedError)
    assert error.retry_after == 42


async def test_an_unreachable_google_is_told(world: World) -> None:
    down = IssuerUnreachableError(issuer=OAUTH, what="connection refused", sent=False)
    world.sender.script(down)
    error = await world.fails(credential())
    assert isinstance(error, IssuerUnreachableError)
    assert (error.what, error.sent) == ("connection refused", False)


@pytest.mark.parametrize(
    ("content", "what"),
    [(None, "it is not there"), ("", "it holds no token"), (" \n", "no token")],
)
async def test_a_missing_token_of_a_workload_is_no_fault_of_googles(
    world: World, tmp_path: Path, content: str | None, what: str
) -> None:
    if content is not None:
        (tmp_path / "token").write_text(content)
    error = await world.fails(
        credential(workload_file({"file": str(tmp_path / "token")}))
    )
    assert isinstance(error, WorkloadTokenError)
    assert what in error.what
    assert error.where == str(tmp_path / "token")


@pytest.mark.parametrize(
    "answer",
    [
        HttpResponse(status=404),
        HttpResponse(status=503),
        IssuerUnreachableError(issuer="x", what="connection refused"),
    ],
)
async def test_a_source_that_is_down_is_no_fault_of_googles(
    world: World, answer: HttpResponse | BrokerError
) -> None:
    world.sender.script(answer)
    error = await world.fails(
        credential(workload_file({"url": "https://ci.example/token?a=secret"}))
    )
    assert isinstance(error, WorkloadTokenError)
    assert error.where == "https://ci.example"


@pytest.fixture
def threads_begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of all threads that anything in this process begins."""
    begun: list[str] = []
    start = threading.Thread.start

    def noted(thread: threading.Thread) -> None:
        begun.append(thread.name)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", noted)
    return begun


@pytest.mark.parametrize("audience", [POOL, WORKFORCE])
async def test_nothing_is_asked_of_anybody_but_the_endpoints_of_the_credential(
    world: World,
    tmp_path: Path,
    names_asked: list[str],
    threads_begun: list[str],
    audience: str,
) -> None:
    (tmp_path / "token").write_text("subject")
    source = {"file": str(tmp_path / "token")}
    await world.mint(credential(workload_file(source, audience=audience)))
    await world.mint(credential())
    assert world.google.asked == [STS, OAUTH]
    assert names_asked == []
    # google-auth begins none of its own, which would send the token elsewhere.
    assert threads_begun == ["google robot", "google robot"]


async def test_a_request_to_anywhere_else_does_not_leave(world: World) -> None:
    spec = credential()
    door = world.minter._door(spec, a_grant(spec).account, None)
    assert endpoints_of(spec).tokens == {OAUTH}
    with pytest.raises(BrokerError, match="no endpoint of this credential"):
        await door.send(HttpRequest(method="GET", url=f"{IAM}{ROBOT}/allowedLocations"))
    assert world.sender.requests == []


async def test_a_clock_that_differs_is_noted(world: World) -> None:
    now = world.clock.now()
    answer = json_response({"access_token": "a", "expires_in": 60})
    world.google.at[OAUTH] = HttpResponse(
        status=200, body=answer.body, date=UnixTime(now.wall + 600)
    )
    await world.mint(credential())
    [skew] = world.skews.all()
    assert skew.ahead == Seconds(600)


async def test_whoever_gives_up_ends_the_conversation(world: World) -> None:
    world.sender.hold()
    minting = asyncio.create_task(world.mint(credential()))
    await under_way(world.sender, 1)
    minting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await minting
    await under_way(world.sender, 0)
    assert world.google.asked == []


async def test_no_secret_is_in_an_error(world: World) -> None:
    world.google.at[OAUTH] = json_response({"access_token": "a b c-secret"})
    with pytest.raises(IssuerMalformedError) as caught:
        await world.mint(credential())
    assert "secret" not in repr(caught.value) + str(caught.value)
    assert caught.value.__cause__ is None
