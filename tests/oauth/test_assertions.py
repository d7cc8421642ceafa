"""JWTs in a form: signed when the request leaves, of use for a moment."""

from urllib.parse import parse_qs

from broker.model.http import Assertion, HttpRequest
from broker.model.time import UnixTime
from broker.oauth.assertions import ASSERTION_LIFE, asserted
from broker.oauth.dpop import JTI_BYTES
from tests.oauth.keys import read_jwt, signing_key

KEY = signing_key()
NOW = UnixTime(1_800_000_000.5)
CLAIMS = {"iss": "c", "sub": "c", "aud": "https://issuer.example"}


def a_request(*parameters: str) -> HttpRequest:
    made = tuple(
        Assertion(parameter=name, key=KEY, claims=CLAIMS) for name in parameters
    )
    return HttpRequest(
        method="POST", url="https://issuer.example", body=b"a=b", assertions=made
    )


def form(request: HttpRequest) -> dict[str, list[str]]:
    return parse_qs(request.body.decode(), strict_parsing=True)


def test_rfc7523_section_3_the_claims_are_there_and_live_for_a_moment() -> None:
    made = asserted(a_request("assertion"), at=NOW, random=bytes(JTI_BYTES))
    assert made.assertions == ()
    assert form(made)["a"] == ["b"]
    header, claims = read_jwt(form(made)["assertion"][0], KEY)
    assert header == {"alg": "ES256", "typ": "JWT", "kid": "key-1"}
    assert claims == {
        **CLAIMS,
        "iat": 1_800_000_000,
        "exp": 1_800_000_000 + int(ASSERTION_LIFE),
        "jti": "A" * 22,
    }


def test_two_in_one_form_have_ids_of_their_own() -> None:
    random = bytes(range(2 * JTI_BYTES))
    request = a_request("assertion", "client_assertion")
    made = form(asserted(request, at=NOW, random=random))
    ids = {
        str(read_jwt(made[name][0], KEY)[1]["jti"])
        for name in ("assertion", "client_assertion")
    }
    assert len(ids) == 2


def test_what_is_to_be_signed_is_in_no_repr() -> None:
    assert '"d"' not in repr(a_request("assertion"))
