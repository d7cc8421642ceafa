import pytest

from broker.model.errors import IssuerMalformedError
from broker.model.http import HttpResponse
from broker.model.person import Person
from broker.model.secret import Secret
from broker.model.time import Instant, Seconds, UnixTime
from broker.model.token import BEARER, AccessToken
from broker.oauth.userinfo import Userinfo, parse_userinfo, userinfo_request
from tests.fakes.sender import json_response

ISSUER = "https://issuer.example"
TOKEN = AccessToken(
    value=Secret("access-1"),
    token_type=BEARER,
    scopes=frozenset(),
    obtained=Instant(wall=UnixTime(0), boot=Seconds(0)),
    life=None,
)


def test_openid_core_section_5_3_1_the_token_is_in_the_header_alone() -> None:
    request = userinfo_request("https://issuer.example/me", TOKEN)
    assert request.headers["Authorization"] == "Bearer access-1"
    assert (request.method, request.url) == ("GET", "https://issuer.example/me")
    assert request.body == b""
    assert "access-1" not in repr(request)


def test_name_and_address_are_made_safe_to_show() -> None:
    said = {"sub": "person-1", "name": "Robin\x1b[2J", "email": "r@x\u202e.example"}
    assert parse_userinfo(json_response(said), issuer=ISSUER) == Userinfo(
        subject="person-1", person=Person(name="Robin [2J", email="r@x .example")
    )


def test_what_it_does_not_say_is_not_known() -> None:
    said = parse_userinfo(json_response({"sub": "p", "name": ""}), issuer=ISSUER)
    assert said == Userinfo(subject="p", person=Person())


@pytest.mark.parametrize(
    "response",
    [
        json_response({"sub": "p"}, status=401),
        json_response({"sub": "p"}, status=204),
        HttpResponse(
            status=200, headers={"content-type": "application/jwt"}, body=b"a.b.c"
        ),
        HttpResponse(status=200, body=b'{"sub": "p"}'),
        HttpResponse(status=200, headers={"content-type": "text/html"}, body=b"<p>"),
    ],
)
def test_a_refusal_a_signed_answer_and_a_page_are_passed_over(
    response: HttpResponse,
) -> None:
    assert parse_userinfo(response, issuer=ISSUER) is None


@pytest.mark.parametrize(
    "said", [[], {}, {"sub": 1}, {"sub": "p", "name": 1}, {"sub": "p", "email": []}]
)
def test_json_of_another_shape_is_a_fault(said: object) -> None:
    with pytest.raises(IssuerMalformedError):
        parse_userinfo(json_response(said), issuer=ISSUER)
