"""What a person pastes: an address, a code or neither."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.model.secret import Secret
from broker.oauth.authorization_response import MAX_RESPONSE_CHARACTERS
from broker.oauth.oob import OOB_AUTO_URI, OOB_URI
from broker.oauth.pasted import (
    PastedAddress,
    PastedCode,
    PastedNonsense,
    parse_pasted,
)

OURS = "http://127.0.0.1:43211"


@pytest.mark.parametrize("uri", [OURS, f"{OURS}/"])
@pytest.mark.parametrize(
    "text",
    [
        f"{OURS}/?code=c&state=s",
        f"{OURS}?code=c&state=s",
        f"  {OURS}/?code=c&st\nate=s \n",
        f"{OURS}/?code=c&state=s#",
    ],
)
def test_an_address_is_taken_also_where_a_terminal_broke_it(
    text: str, uri: str
) -> None:
    pasted = parse_pasted(text, redirect_uri=uri)
    assert pasted == PastedAddress(query=Secret("code=c&state=s"))


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:43212/?code=c",
        "http://127.0.0.1:43211/other?code=c",
        "http://localhost:43211/?code=c",
        "https://127.0.0.1:43211/?code=c",
        "http://127.0.0.1:43211@evil.example/?code=c",
        "http://[::1/?code=c",
    ],
)
def test_rfc8252_section_8_10_an_address_elsewhere_is_not_taken(text: str) -> None:
    pasted = parse_pasted(text, redirect_uri=f"{OURS}/")
    assert pasted == PastedNonsense(what=f"is no address that begins with {OURS}/")


@pytest.mark.parametrize("uri", [OOB_URI, OOB_AUTO_URI])
def test_out_of_band_an_address_is_the_redirect_uri_and_a_query(uri: str) -> None:
    text = f"{uri}?code=c&state=s"
    assert parse_pasted(text, redirect_uri=uri) == PastedAddress(
        query=Secret("code=c&state=s")
    )
    assert isinstance(parse_pasted(f"{uri}?", redirect_uri=uri), PastedNonsense)


@pytest.mark.parametrize("text", ["4/0AX4-x_y~z", "  4/0AX4-x_y\n~z\r\n"])
def test_one_word_can_be_a_code(text: str) -> None:
    pasted = parse_pasted(text, redirect_uri="urn:ietf:wg:oauth:2.0:oob")
    assert pasted == PastedCode(code=Secret("4/0AX4-x_y~z"))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is empty"),
        (" \n\t", "is empty"),
        ("c\x1b[2Jode", "has characters that no code has"),
        ("cod\u202ee", "has characters that no code has"),
        ("x" * (MAX_RESPONSE_CHARACTERS + 1), "is too long for an address or a code"),
        (f"{OURS}/", "has nothing after its '?'"),
    ],
)
def test_the_rest_is_told_without_quoting_it(text: str, what: str) -> None:
    assert parse_pasted(text, redirect_uri=OURS) == PastedNonsense(what=what)


@given(st.text(max_size=200), st.text(max_size=50))
def test_nothing_that_is_pasted_raises(text: str, uri: str) -> None:
    parse_pasted(text, redirect_uri=uri)
