"""How a client without a person is to prove itself."""

import pytest
from msgspec.structs import replace

from broker.model.client import Client, ClientAuthentication, ClientCertificate
from broker.model.errors import IssuerInvalidError
from broker.model.secret import Secret
from broker.model.unattended import ClientCredentials
from broker.oauth.client_authentication import authenticated_post
from broker.oauth.unattended_client import (
    TOKEN_ENDPOINT,
    asked_with,
    at_issuer,
    audience_at,
    bare_issuer,
    with_authentication,
)
from tests.oauth.keys import signing_key
from tests.oauth.test_jwt_bearer import BEARER
from tests.services.world import ISSUER

SECRET = Client(client_id="robot", client_secret=Secret("s3cret"))
KEY = Client(client_id="robot", key=signing_key())
CERTIFICATE = Client(
    client_id="robot", certificate=ClientCertificate(certificate="/c.pem")
)


@pytest.mark.parametrize(
    ("client", "methods", "chosen"),
    [
        (SECRET, ("client_secret_post",), ClientAuthentication.POST),
        (KEY, ("client_secret_post",), ClientAuthentication.PRIVATE_KEY_JWT),
        (CERTIFICATE, ("tls_client_auth",), ClientAuthentication.TLS),
        (
            CERTIFICATE,
            ("self_signed_tls_client_auth",),
            ClientAuthentication.SELF_SIGNED_TLS,
        ),
        (CERTIFICATE, (), ClientAuthentication.TLS),
    ],
)
def test_what_it_has_is_what_it_shows(
    client: Client, methods: tuple[str, ...], chosen: ClientAuthentication
) -> None:
    issuer = replace(ISSUER, authentication_methods=methods)
    shown = with_authentication(client, issuer, audience=issuer.url)
    assert shown.authentication is chosen


def test_rfc7523_section_2_2_a_client_signs_who_it_is() -> None:
    client = with_authentication(KEY, ISSUER, audience=ISSUER.url)
    request = authenticated_post(ISSUER.token_endpoint, client=client, form="a=b")
    assert request.body == (
        b"a=b&client_id=robot&client_assertion_type="
        b"urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
    )
    (assertion,) = request.assertions
    assert assertion.parameter == "client_assertion"
    assert assertion.claims == {"iss": "robot", "sub": "robot", "aud": ISSUER.url}


def test_rfc8705_section_2_a_client_shows_its_certificate_and_says_its_name() -> None:
    client = with_authentication(CERTIFICATE, ISSUER, audience=ISSUER.url)
    request = authenticated_post(ISSUER.token_endpoint, client=client, form="a=b")
    assert request.body == b"a=b&client_id=robot"
    assert request.certificate == CERTIFICATE.certificate


def test_rfc8705_section_5_a_certificate_is_shown_where_the_issuer_wants_it() -> None:
    mtls = "https://mtls.issuer.example/token"
    issuer = replace(ISSUER, mtls_token_endpoint=mtls)
    assert asked_with(CERTIFICATE, issuer).token_endpoint == mtls
    at = asked_with(CERTIFICATE, issuer).revocation_endpoint
    assert at == ISSUER.revocation_endpoint
    assert asked_with(SECRET, issuer) == issuer


def test_jwts_are_for_the_issuer_where_the_person_names_nobody() -> None:
    assert audience_at(ISSUER, None) == ISSUER.url
    assert audience_at(ISSUER, TOKEN_ENDPOINT) == ISSUER.token_endpoint
    assert audience_at(ISSUER, "login.example") == "login.example"
    bearer = at_issuer(BEARER, "login.example")
    assert getattr(bearer, "audience", None) == "login.example"
    assert at_issuer(ClientCredentials(), "x") == ClientCredentials()


def test_an_issuer_without_metadata_is_known_by_its_token_endpoint() -> None:
    place = "https://issuer.example/oauth/token?tenant=7"
    issuer = bare_issuer(place)
    assert (issuer.url, issuer.token_endpoint) == (place.partition("?")[0], place)
    assert bare_issuer(place, "https://other.example").url == "https://other.example"


@pytest.mark.parametrize(
    ("issuer", "place"),
    [
        (None, "http://issuer.example/token"),
        ("https://issuer.example", "http://issuer.example/token"),
        ("https://issuer.example", "http://127.0.0.1/token"),
        ("https://issuer.example", "https://user@issuer.example/token"),
        ("issuer.example", "https://issuer.example/token"),
    ],
)
def test_a_secret_goes_to_no_place_that_is_none(issuer: str | None, place: str) -> None:
    with pytest.raises(IssuerInvalidError):
        bare_issuer(place, issuer)
