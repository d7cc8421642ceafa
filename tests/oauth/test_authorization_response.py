import unicodedata
from urllib.parse import quote, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from broker.model.issuer import Issuer
from broker.model.secret import Secret
from broker.oauth.authorization_response import (
    MAX_RESPONSE_CHARACTERS,
    AuthorizationResponse,
    BrokenResponse,
    CodeResponse,
    RefusedResponse,
    StrayResponse,
    parse_authorization_response,
)
from tests.oauth.values import ISSUER, ISSUER_URL

STATE = Secret("af0ifjsldkj")
PROMISING = replace(ISSUER, response_iss=True)


def parsed(query: str, issuer: Issuer = ISSUER) -> AuthorizationResponse:
    return parse_authorization_response(query, state=STATE, issuer=issuer)


def test_openid_connect_core_section_3_1_2_5_example_gives_the_code() -> None:
    response = parsed("code=SplxlOBeZQQYbYS6WxSbIA&state=af0ifjsldkj")
    assert response == CodeResponse(code=Secret("SplxlOBeZQQYbYS6WxSbIA"))


def test_the_code_stays_out_of_the_repr() -> None:
    assert "canary" not in repr(parsed("code=canary&state=af0ifjsldkj"))


@pytest.mark.parametrize(
    "query",
    [
        "",
        "code=x",
        "code=x&state=",
        "code=x&state=other",
        "code=x&state=af0ifjsldkj&state=af0ifjsldkj",
        "code=x&state=af0ifjsldkj&state=",
        "code=x&state=%ff",
        "code=x&State=af0ifjsldkj",
        "code=x&state=af0ifjsldkj" + "&x" * 64,
        "code=x&state=af0ifjsldkj&x=" + "x" * MAX_RESPONSE_CHARACTERS,
        "error=access_denied",
        "error=access_denied&state=other",
        "code=x;state=af0ifjsldkj",
        "code=x&state=\ud800",
    ],
)
def test_what_has_not_our_state_never_ends_the_login(query: str) -> None:
    assert parsed(query) == StrayResponse()


@pytest.mark.parametrize("twice", ["code=b", "error=x&error=x", "unknown=1&unknown=2"])
def test_rfc6749_section_3_1_a_parameter_that_stands_twice_breaks_it(
    twice: str,
) -> None:
    response = parsed(f"state=af0ifjsldkj&code=a&{twice}")
    assert response == BrokenResponse(reason="a parameter stands in it twice")


def test_rfc9207_section_2_4_our_issuer_is_taken() -> None:
    iss = quote(ISSUER_URL, safe="")
    response = parsed(f"state=af0ifjsldkj&code=a&iss={iss}", PROMISING)
    assert isinstance(response, CodeResponse)


@pytest.mark.parametrize("issuer", [ISSUER, PROMISING])
@pytest.mark.parametrize("rest", ["code=a", "error=access_denied"])
@pytest.mark.parametrize("iss", ["https://evil.example", ISSUER_URL + "/"])
def test_rfc9207_section_2_4_another_issuer_is_a_mix_up(
    issuer: Issuer, rest: str, iss: str
) -> None:
    response = parsed(f"state=af0ifjsldkj&{rest}&{urlencode({'iss': iss})}", issuer)
    assert response == BrokenResponse(reason=f"it comes from another issuer, '{iss}'")


@pytest.mark.parametrize("rest", ["code=a", "error=access_denied", "code=a&iss="])
def test_rfc9207_section_2_4_a_promised_issuer_that_is_missing_breaks_it(
    rest: str,
) -> None:
    response = parsed(f"state=af0ifjsldkj&{rest}", PROMISING)
    assert response == BrokenResponse(reason="it does not name its issuer")


def test_a_jarm_response_that_nobody_asked_for_breaks_it() -> None:
    response = parsed("state=af0ifjsldkj&response=eyJ&code=a")
    assert isinstance(response, BrokenResponse)
    assert "JARM" in response.reason


def test_rfc6749_section_4_1_2_1_example_is_a_refusal() -> None:
    response = parsed("error=access_denied&state=af0ifjsldkj")
    assert response == RefusedResponse(error="access_denied", description="")


def test_an_error_goes_before_a_code() -> None:
    response = parsed("error=server_error&code=a&state=af0ifjsldkj")
    assert isinstance(response, RefusedResponse)


def test_the_issuers_words_are_made_safe_to_show() -> None:
    words = urlencode(
        {"error": "\x1b[2Kx", "error_description": "\u202e<b>" + "a" * 999}
    )
    response = parsed(f"state=af0ifjsldkj&{words}")
    assert isinstance(response, RefusedResponse)
    assert response.error == " [2Kx"
    assert response.description.startswith(" <b>a")
    assert len(response.description) == 200


@pytest.mark.parametrize("rest", ["", "&code=", "&error=", "&unknown=x"])
def test_neither_code_nor_error_breaks_it(rest: str) -> None:
    response = parsed(f"state=af0ifjsldkj{rest}")
    assert response == BrokenResponse(reason="it has neither a code nor an error")


@pytest.mark.parametrize("code", ["%00", "%0d%0a", "%ff", "%C3%A9"])
def test_a_code_with_characters_that_no_code_has_breaks_it(code: str) -> None:
    assert isinstance(parsed(f"state=af0ifjsldkj&code={code}"), BrokenResponse)


def test_rfc6749_section_4_1_2_unknown_parameters_are_ignored() -> None:
    response = parsed("scope=a+b&state=af0ifjsldkj&code=a&authuser=0&session_state=x")
    assert response == CodeResponse(code=Secret("a"))


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_no_query_ever_raises_or_ends_the_login_without_our_state(query: str) -> None:
    assert parsed(query) == StrayResponse()


@given(st.text(), st.sampled_from([ISSUER, PROMISING]))
def test_no_query_with_our_state_ever_raises(query: str, issuer: Issuer) -> None:
    response = parsed(f"state=af0ifjsldkj&{query}", issuer)
    assert isinstance(response, AuthorizationResponse)


def is_tame(text: str) -> bool:
    """Nothing of it moves a cursor, hides or starts a line; any space is fine.

    `str.isprintable` would not do: it is false for the no-break space of French.
    """
    kinds = {unicodedata.category(character) for character in text}
    return not any(kind.startswith("C") for kind in kinds) and not kinds & {"Zl", "Zp"}


@example({"error": "access_denied", "error_description": "Acc\xe8s refus\xe9\xa0!"})
@given(
    st.dictionaries(
        st.sampled_from(["code", "error", "error_description", "iss", "response"]),
        st.text(st.characters(exclude_categories=["Cs"])),
    )
)
def test_no_response_shows_a_control_character(values: dict[str, str]) -> None:
    response = parsed(urlencode({"state": "af0ifjsldkj", **values}))
    match response:
        case RefusedResponse():
            assert is_tame(response.error + response.description)
        case BrokenResponse():
            assert is_tame(response.reason)
        case CodeResponse():
            assert is_tame(response.code.reveal())
        case StrayResponse():
            pytest.fail("it has our state")
