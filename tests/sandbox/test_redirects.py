import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.sandbox.redirects import (
    form_action_source,
    is_loopback_redirect,
    is_out_of_band,
)


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:43211/",
        "http://127.0.0.1",
        "http://[::1]:1/callback",
        "http://localhost:65535/a/b%20c",
        "http://localhost",
    ],
)
def test_rfc_8252_section_7_3_any_port_on_loopback_is_allowed(uri: str) -> None:
    assert is_loopback_redirect(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "https://127.0.0.1/",
        "http://127.0.0.2/",
        "http://127.0.0.1.example.com/",
        "http://127.0.0.1@example.com/",
        "http://user@127.0.0.1/",
        "http://127.0.0.1\\@example.com/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:65536/",
        "http://127.0.0.1:/",
        "http://127.0.0.1/?next=x",
        "http://127.0.0.1/#f",
        "http://127.0.0.1/\r\nX: y",
        "http://127.0.0.1/\n",
        "http://LOCALHOST/",
        "HTTP://localhost/",
        "http://2130706433/",
        "http://[::ffff:127.0.0.1]/",
        "javascript:alert(1)",
        "",
    ],
)
def test_everything_else_is_refused(uri: str) -> None:
    assert not is_loopback_redirect(uri)


@given(st.text())
def test_nothing_before_the_path_can_lead_elsewhere(text: str) -> None:
    uri = f"http://127.0.0.1{text}"
    if is_loopback_redirect(uri):
        assert text == "" or text[0] in ":/"


def test_the_form_may_only_lead_to_where_the_answer_goes() -> None:
    assert form_action_source("http://localhost:8080/x") == "http://localhost:8080"


def test_an_ipv6_redirect_falls_back_to_the_scheme_for_want_of_a_syntax() -> None:
    assert form_action_source("http://[::1]:8080/") == "http:"


def test_a_page_shows_the_code_for_googles_two_names_only() -> None:
    assert is_out_of_band("urn:ietf:wg:oauth:2.0:oob")
    assert is_out_of_band("urn:ietf:wg:oauth:2.0:oob:auto")
    for other in ("oob", "urn:ietf:wg:oauth:2.0:oob:", "urn:ietf:wg:oauth:2.0:oob?x"):
        assert not is_out_of_band(other)
