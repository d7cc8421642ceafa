"""What a sign-in needs, from the request, what is stored, and an issuer's metadata."""

import json

import pytest

from broker.model.account import RedirectChoice
from broker.model.client import Client, ClientAuthentication
from broker.model.errors import (
    BrokerError,
    ClientNeededError,
    ClientSecretsError,
    IssuerInvalidError,
    IssuerMalformedError,
    IssuerMismatchError,
    IssuerUnreachableError,
)
from broker.model.grant import Grant
from broker.model.http import HttpResponse
from broker.model.issuer import Issuer, IssuerPreset
from broker.model.secret import Secret
from broker.services.sign_in import SignIn, SignInRequest
from tests.fakes.sender import Answer, FakeSender, json_response
from tests.services.signing import sign_ins
from tests.services.world import CLIENT, ISSUER, METADATA, WORK

PINNED = Issuer(
    url="https://pinned.example",
    authorization_endpoint="https://pinned.example/a",
    token_endpoint="https://pinned.example/t",
    authentication_methods=("client_secret_post",),
)
PRESETS = {
    "pinned": IssuerPreset(
        name="pinned",
        issuer=PINNED.url,
        pinned=PINNED,
        hosts=("pinned.example",),
        default_scopes=("basic",),
    ),
    "known": IssuerPreset(
        name="known",
        issuer="https://known.example",
        metadata="https://known.example/well-known",
        accepts_mismatched_issuer="https://known.example/{tenantid}",
    ),
}
NOT_FOUND = HttpResponse(status=404)


async def complete(
    request: SignInRequest, *answers: Answer, before: Grant | None = None
) -> SignIn:
    sender = FakeSender(*answers)
    return await sign_ins(sender, PRESETS).complete(request, before)


def first(**named: object) -> SignInRequest:
    words: dict[str, object] = {"issuer": ISSUER.url, "client": CLIENT, **named}
    return SignInRequest(account=WORK, **words)  # type: ignore[arg-type]


def secrets_file(kind: str = "installed", **members: object) -> Secret:
    section = {
        "client_id": "file-client",
        "client_secret": "file-secret",
        "auth_uri": "https://pinned.example/a",
        "token_uri": "https://pinned.example/t",
        **members,
    }
    return Secret(json.dumps({kind: section}))


# --- the issuer --------------------------------------------------------------------


async def test_an_issuer_url_is_discovered_and_its_endpoints_are_pinned() -> None:
    sign_in = await complete(first(), json_response(METADATA))
    assert sign_in.account.issuer == ISSUER
    assert sign_in.preset is None
    assert sign_in.is_first


async def test_the_second_place_is_looked_at_when_the_first_has_no_metadata() -> None:
    sender = FakeSender(NOT_FOUND, json_response(METADATA))
    await sign_ins(sender).complete(first(), None)
    assert [request.url for request in sender.requests] == [
        "https://issuer.example/.well-known/openid-configuration",
        "https://issuer.example/.well-known/oauth-authorization-server",
    ]
    assert {request.method for request in sender.requests} == {"GET"}


async def test_a_web_page_at_the_first_place_does_not_hide_the_second() -> None:
    page = HttpResponse(status=200, body=b"<html>an application</html>")
    sign_in = await complete(first(), page, json_response(METADATA))
    assert sign_in.account.issuer == ISSUER


async def test_an_issuer_without_metadata_is_told_with_the_places_looked_at() -> None:
    with pytest.raises(IssuerInvalidError) as caught:
        await complete(first(), NOT_FOUND, NOT_FOUND)
    assert "/.well-known/oauth-authorization-server" in caught.value.what


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_an_issuer_that_is_ill_is_not_called_invalid(status: int) -> None:
    ill = HttpResponse(status=status, body=b"<html>")
    with pytest.raises(BrokerError) as caught:
        await complete(first(), ill, ill)
    assert caught.value.code in {"issuer_unreachable", "issuer_overloaded"}


async def test_an_issuer_that_cannot_be_reached_is_said_to_be() -> None:
    down = IssuerUnreachableError(issuer="x", what="no route")
    with pytest.raises(IssuerUnreachableError):
        await complete(first(), down)


async def test_metadata_of_another_issuer_is_not_used() -> None:
    with pytest.raises(IssuerMismatchError):
        await complete(
            first(), json_response({**METADATA, "issuer": "https://evil.example"})
        )


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{", b""])
async def test_metadata_that_is_none_is_malformed(body: bytes) -> None:
    none = HttpResponse(status=200, body=body)
    with pytest.raises(IssuerMalformedError):
        await complete(first(), none, none)


async def test_an_application_that_answers_every_path_hides_no_metadata() -> None:
    page = HttpResponse(status=200, body=b"<html>")
    sign_in = await complete(first(), page, json_response(METADATA))
    assert sign_in.account.issuer == ISSUER


@pytest.mark.parametrize(
    "issuer",
    ["", "gogle", "http://evil.example", "https://", "ftp://a/b", "\x1b]0;title\x07"],
)
async def test_an_issuer_that_is_none_is_told_without_asking_anyone(
    issuer: str,
) -> None:
    sender = FakeSender()
    with pytest.raises(IssuerInvalidError) as caught:
        await sign_ins(sender, PRESETS).complete(first(issuer=issuer), None)
    assert sender.requests == []
    assert "\x1b" not in caught.value.issuer + caught.value.what


async def test_a_preset_is_taken_by_its_name_or_by_its_url() -> None:
    for issuer in ("pinned", "https://pinned.example", "https://pinned.example/"):
        sign_in = await complete(first(issuer=issuer))
        assert sign_in.preset == PRESETS["pinned"]
        assert sign_in.account.preset == "pinned"
        assert sign_in.account.issuer == PINNED
        assert sign_in.account.scopes == ("basic",)


async def test_a_preset_with_metadata_is_asked_at_its_own_place() -> None:
    metadata = {**METADATA, "issuer": "https://known.example/{tenantid}"}
    sender = FakeSender(json_response(metadata))
    sign_in = await sign_ins(sender, PRESETS).complete(first(issuer="known"), None)
    assert sender.requests[0].url == "https://known.example/well-known"
    assert sign_in.account.issuer.url == "https://known.example"


# --- the client --------------------------------------------------------------------


async def test_a_first_login_says_what_is_missing() -> None:
    for request, missing in (
        (SignInRequest(account=WORK), "issuer"),
        (SignInRequest(account=WORK, issuer="pinned"), "client"),
        (SignInRequest(account=WORK, client=CLIENT), "issuer"),
    ):
        with pytest.raises(ClientNeededError) as caught:
            await complete(request)
        assert caught.value.missing == missing


@pytest.mark.parametrize(
    ("secret", "methods", "expected"),
    [
        (None, ["client_secret_basic"], ClientAuthentication.NONE),
        ("s", ["client_secret_basic", "none"], ClientAuthentication.BASIC),
        ("s", ["client_secret_post"], ClientAuthentication.POST),
        ("s", None, ClientAuthentication.BASIC),
    ],
)
async def test_the_client_proves_itself_as_the_issuer_offers(
    secret: str | None, methods: list[str] | None, expected: ClientAuthentication
) -> None:
    metadata = {**METADATA, "token_endpoint_auth_methods_supported": methods}
    client = Client(client_id="c", client_secret=Secret(secret) if secret else None)
    sign_in = await complete(first(client=client), json_response(metadata))
    assert sign_in.account.client.authentication is expected


async def test_a_client_secrets_file_names_client_and_known_issuer() -> None:
    request = SignInRequest(account=WORK, client_secrets=secrets_file())
    sign_in = await complete(request)
    assert sign_in.account.client.client_id == "file-client"
    assert sign_in.account.client.client_secret == Secret("file-secret")
    assert sign_in.account.issuer == PINNED


async def test_a_client_secrets_file_of_an_unknown_issuer_needs_an_issuer() -> None:
    file = secrets_file(
        auth_uri="https://other.example/a", token_uri=ISSUER.token_endpoint
    )
    with pytest.raises(ClientNeededError):
        await complete(SignInRequest(account=WORK, client_secrets=file))
    sign_in = await complete(
        SignInRequest(account=WORK, client_secrets=file, issuer=ISSUER.url),
        json_response(METADATA),
    )
    assert sign_in.account.client.client_id == "file-client"


async def test_a_secret_never_goes_to_another_issuer_than_its_files() -> None:
    file = secrets_file(token_uri="https://other.example/token")
    request = SignInRequest(account=WORK, client_secrets=file, issuer=ISSUER.url)
    with pytest.raises(ClientSecretsError, match=r"other\.example"):
        await complete(request, json_response(METADATA))


async def test_the_secret_of_a_file_does_not_go_to_another_issuer() -> None:
    request = SignInRequest(
        account=WORK, client_secrets=secrets_file(), issuer=ISSUER.url
    )
    with pytest.raises(ClientSecretsError):
        await complete(request, json_response(METADATA))


async def test_a_file_that_is_no_client_secrets_costs_no_request() -> None:
    sender = FakeSender()
    with pytest.raises(ClientSecretsError):
        await sign_ins(sender, PRESETS).complete(
            first(client=None, client_secrets=Secret('{"type": "service_account"}')),
            None,
        )
    assert sender.requests == []


async def test_a_web_client_is_sent_back_to_an_address_that_is_registered() -> None:
    uris = ["https://app.example/cb", "http://localhost:8080/cb"]
    file = secrets_file("web", redirect_uris=uris)
    sign_in = await complete(SignInRequest(account=WORK, client_secrets=file))
    assert sign_in.account.redirect == RedirectChoice(uri="http://localhost:8080/cb")


async def test_a_web_client_without_an_address_on_this_machine_is_told_of() -> None:
    file = secrets_file("web", redirect_uris=["https://app.example/cb"])
    with pytest.raises(ClientSecretsError):
        await complete(SignInRequest(account=WORK, client_secrets=file))
    chosen = RedirectChoice(uri="http://127.0.0.1:1/")  # the person knows better
    request = SignInRequest(account=WORK, client_secrets=file, redirect=chosen)
    assert (await complete(request)).account.redirect == chosen


def test_a_request_does_not_show_its_secrets() -> None:
    request = first(client_secrets=secrets_file(), parameters={"p": "c4n4ry"})
    assert "file-secret" not in repr(request)
    assert "c4n4ry" not in repr(request)
