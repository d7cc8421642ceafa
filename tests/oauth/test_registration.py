"""Dynamic client registration: what is asked for, and what an issuer makes of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from broker.model.account import RedirectChoice
from broker.model.client import Client, ClientAuthentication, Registration
from broker.model.errors import (
    BrokerError,
    IssuerInvalidError,
    IssuerMalformedError,
    IssuerOverloadedError,
    IssuerUnreachableError,
    RegistrationRefusedError,
)
from broker.model.http import HttpResponse
from broker.model.issuer import Issuer
from broker.model.redirect import ResponseMode
from broker.model.secret import Secret
from broker.model.time import UnixTime
from broker.oauth.registration import (
    deletion_request,
    fixed_redirect,
    is_deleted,
    is_forgotten,
    kept_redirect,
    look_request,
    parse_registration,
    redirect_uris,
    registration_request,
    serves,
)
from tests.fakes.sender import json_response
from tests.oauth.values import ISSUER

ENDPOINT = "https://issuer.example/register"
URIS = ("http://127.0.0.1:20001/", "http://127.0.0.1/")
PUBLIC = replace(ISSUER, authentication_methods=("client_secret_basic", "none"))
CONFIGURATION = "https://issuer.example/register/c1"
NOW = UnixTime(1_800_000_000)


def asked(issuer: Issuer = PUBLIC) -> dict[str, object]:
    request = registration_request(
        endpoint=ENDPOINT, issuer=issuer, uris=URIS, version="1.2"
    )
    assert (request.method, request.url) == ("POST", ENDPOINT)
    assert request.headers["Content-Type"] == "application/json"
    metadata: dict[str, object] = json.loads(request.body)
    return metadata


def registered(**members: object) -> Client:
    response = json_response({"client_id": "c1", **members}, status=201)
    return parse_registration(response, issuer=PUBLIC, uris=URIS)


def registration(client: Client) -> Registration:
    assert client.registration is not None
    return client.registration


def test_rfc7591_section_2_a_native_client_without_a_secret_is_asked_for() -> None:
    metadata = asked()
    assert metadata["application_type"] == "native"
    assert metadata["redirect_uris"] == list(URIS)
    assert metadata["token_endpoint_auth_method"] == "none"
    assert metadata["grant_types"] == ["authorization_code", "refresh_token"]
    assert metadata["response_types"] == ["code"]
    assert metadata["software_version"] == "1.2"
    assert "scope" not in metadata


def test_a_secret_is_asked_for_where_the_issuer_takes_nobody_without() -> None:
    methods = ("private_key_jwt", "client_secret_post")
    metadata = asked(replace(ISSUER, authentication_methods=methods))
    assert metadata["token_endpoint_auth_method"] == "client_secret_post"


def test_the_device_grant_is_asked_for_where_the_issuer_has_it() -> None:
    issuer = replace(PUBLIC, device_authorization_endpoint="https://issuer.example/d")
    grants = asked(issuer)["grant_types"]
    assert isinstance(grants, list)
    assert "urn:ietf:params:oauth:grant-type:device_code" in grants


def test_a_client_is_sent_back_to_one_port_for_ever() -> None:
    fixed = fixed_redirect(RedirectChoice(), b"\x00\x01")
    assert fixed == RedirectChoice(host="127.0.0.1", port=20001)
    assert redirect_uris(fixed) == URIS
    chosen = RedirectChoice(host="::1", port=8080)
    assert fixed_redirect(chosen, b"\xff\xff") == chosen
    assert redirect_uris(chosen) == ("http://[::1]:8080/", "http://[::1]/")
    whole = RedirectChoice(uri="http://localhost:1/cb")
    assert redirect_uris(fixed_redirect(whole, b"")) == ("http://localhost:1/cb",)


def test_what_the_person_does_not_choose_stays_as_it_is_registered() -> None:
    kept = RedirectChoice(host="127.0.0.1", port=20001)
    assert kept_redirect(RedirectChoice(), kept) == kept
    posted = RedirectChoice(mode=ResponseMode.FORM_POST)
    assert kept_redirect(posted, kept) == replace(kept, mode=ResponseMode.FORM_POST)
    localhost = RedirectChoice(host="localhost")
    assert kept_redirect(localhost, kept) == replace(kept, host="localhost")
    for chosen in (RedirectChoice(port=5), RedirectChoice(uri="http://localhost:1/")):
        assert kept_redirect(chosen, kept) == chosen
    whole = RedirectChoice(uri="http://localhost:1/cb")
    assert kept_redirect(RedirectChoice(), whole) == whole


def test_rfc7591_section_3_2_1_what_the_issuer_says_is_kept() -> None:
    client = registered(
        client_secret="s3cret",
        client_secret_expires_at=NOW + 60,
        token_endpoint_auth_method="client_secret_post",
        registration_client_uri=CONFIGURATION,
        registration_access_token="r4t",
        redirect_uris=[URIS[1], "https://other.example/"],
    )
    assert client == Client(
        client_id="c1",
        client_secret=Secret("s3cret"),
        authentication=ClientAuthentication.POST,
        registration=Registration(
            redirect_uris=URIS[1:],
            expires_at=UnixTime(NOW + 60),
            uri=CONFIGURATION,
            access_token=Secret("r4t"),
        ),
    )
    assert "s3cret" not in repr(client)
    assert "r4t" not in repr(client)


def test_what_the_issuer_leaves_out_is_as_was_asked_for() -> None:
    client = registered()
    assert client.authentication is ClientAuthentication.NONE
    assert registration(client) == Registration(redirect_uris=URIS)
    secret = registered(client_secret="s", client_secret_expires_at=0)
    assert secret.authentication is ClientAuthentication.BASIC
    assert registration(secret).expires_at is None


def test_a_client_that_we_could_not_use_is_not_taken() -> None:
    for members in (
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"redirect_uris": ["https://other.example/"]},
        {"registration_client_uri": "http://issuer.example/c"},
        {"registration_client_uri": "https://a@issuer.example/c"},
    ):
        with pytest.raises(IssuerInvalidError):
            registered(**members)


@pytest.mark.parametrize(
    "members",
    [
        {"client_id": None},
        {"client_id": ""},
        {"client_id": "a\nb"},
        {"client_id": 1},
        {"client_secret": "a\x00b"},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"client_secret": "s", "client_secret_expires_at": True},
        {"client_secret": "s", "client_secret_expires_at": -1},
        {"client_secret": "s", "client_secret_expires_at": "soon"},
        {"registration_access_token": "two words"},
        {"redirect_uris": "http://127.0.0.1/"},
    ],
)
def test_a_registration_of_the_wrong_form_is_malformed(
    members: dict[str, object],
) -> None:
    with pytest.raises(IssuerMalformedError):
        registered(**members)


def test_rfc7591_section_3_2_2_a_refusal_is_told_and_safe_to_show() -> None:
    body = {"error": "invalid_redirect_uri", "error_description": "no \x1b[2Kport"}
    with pytest.raises(RegistrationRefusedError) as caught:
        parse_registration(json_response(body, status=400), issuer=PUBLIC, uris=URIS)
    assert caught.value.error == "invalid_redirect_uri"
    assert "\x1b" not in caught.value.description


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_an_endpoint_that_is_not_open_to_everyone_refuses(status: int) -> None:
    page = HttpResponse(status=status, body=b"<html>")
    with pytest.raises(RegistrationRefusedError) as caught:
        parse_registration(page, issuer=PUBLIC, uris=URIS)
    assert str(status) in caught.value.error


def test_an_issuer_that_is_ill_refuses_nothing() -> None:
    for status, error in (
        (500, IssuerUnreachableError),
        (302, IssuerUnreachableError),
        (429, IssuerOverloadedError),
    ):
        with pytest.raises(error):
            parse_registration(HttpResponse(status=status), issuer=PUBLIC, uris=URIS)


@given(st.binary(), st.sampled_from([200, 201, 400]))
def test_whatever_comes_is_a_client_or_an_error(body: bytes, status: int) -> None:
    with pytest.raises(BrokerError):
        parse_registration(
            HttpResponse(status=status, body=body), issuer=PUBLIC, uris=URIS
        )


def test_a_client_serves_until_its_secret_ends_and_only_where_it_is_registered() -> (
    None
):
    kept = Registration(redirect_uris=URIS, expires_at=NOW)
    same = RedirectChoice(port=20001)
    assert serves(kept, same, UnixTime(NOW - 1))
    assert not serves(kept, same, NOW)
    assert serves(replace(kept, expires_at=None), RedirectChoice(port=5), NOW)
    localhost = RedirectChoice(host="localhost", port=20001)
    assert not serves(replace(kept, expires_at=None), localhost, NOW)


def test_rfc7592_a_registration_is_read_and_deleted_with_its_own_token() -> None:
    kept = Registration(uri=CONFIGURATION, access_token=Secret("r4t"))
    for request, method in (
        (look_request(kept), "GET"),
        (deletion_request(kept), "DELETE"),
    ):
        assert request is not None
        assert (request.method, request.url) == (method, CONFIGURATION)
        assert request.headers["Authorization"] == "Bearer r4t"
        assert request.body == b""
    assert deletion_request(Registration(uri=CONFIGURATION)) is None
    assert look_request(Registration(access_token=Secret("r4t"))) is None


def test_rfc7592_section_2_3_a_client_that_is_not_there_is_deleted() -> None:
    answers = {s: is_deleted(HttpResponse(status=s)) for s in (204, 401, 404, 405, 503)}
    assert answers == {204: True, 401: True, 404: True, 405: False, 503: False}
    looks = {s: is_forgotten(HttpResponse(status=s)) for s in (200, 401, 403, 500)}
    assert looks == {200: False, 401: True, 403: True, 500: False}
