import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.oauth.oob import MAX_TITLE_CHARACTERS, OOB_AUTO_URI, OOB_URI, parse_title


def read(title: str) -> str | None:
    found = parse_title(title)
    return None if found is None else found.reveal()


@pytest.mark.parametrize(
    "browser",
    ["", " - Chromium", " — Mozilla Firefox", " - Work - Microsoft\u200b Edge", " "],
)
def test_googles_documented_title_is_an_address_whatever_the_browser_adds(
    browser: str,
) -> None:
    assert read(f"Success state=s1&code=4/P7q7W91{browser}") == (
        f"{OOB_AUTO_URI}?state=s1&code=4/P7q7W91"
    )


def test_a_refusal_with_its_state_is_an_answer() -> None:
    assert read("Denied error=access_denied&state=s1 - Chromium") == (
        f"{OOB_AUTO_URI}?error=access_denied&state=s1"
    )


def test_a_title_without_a_state_gives_the_code_alone() -> None:
    assert read("Success code=4/AbC-dEf_1&scope=x - Chromium") == "4/AbC-dEf_1"


def test_a_code_is_decoded_as_in_a_query() -> None:
    assert read("Success code=4%2FAbC") == "4/AbC"


@pytest.mark.parametrize(
    "title",
    [
        "",
        "Success",
        "Success ",
        "Success  code=1",
        "success code=1",
        "Successcode=1",
        "Inbox: Success code=1",
        "Success code=",
        "Success scope=x",
        "Success & counting",
        "Success code=1&code=2",
        "Success code=1&error=x",
        "Success \u202ecode=1",
        "Success\u00a0code=1",
        "Success\tcode=1",
        "Success code=1\x1b]0;x",
        "Denied error=access_denied",
        "Denied error=access_denied - Chromium",
        "Success " + "a=1&" * 65 + "code=1",
    ],
)
def test_other_titles_are_no_answers(title: str) -> None:
    assert read(title) is None


def test_a_title_that_may_have_been_cut_is_no_answer() -> None:
    head = "Success state=s1&code="
    longest = head + "c" * (MAX_TITLE_CHARACTERS - len(head))
    assert read(longest) is not None
    assert read(longest + "c") is None


@given(st.text() | st.text().map(lambda text: f"Success {text}"))
def test_no_title_breaks_it(title: str) -> None:
    parse_title(title)


def test_the_code_is_in_no_repr() -> None:
    assert "4/Ab" not in repr(parse_title("Success code=4/Ab"))


def test_the_redirect_uris_are_googles() -> None:
    assert OOB_URI == "urn:ietf:wg:oauth:2.0:oob"
    assert OOB_AUTO_URI == "urn:ietf:wg:oauth:2.0:oob:auto"
