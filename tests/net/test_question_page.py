"""The page of a question, and what hostile text can do on it: nothing."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.model.consent import Answer
from broker.model.question_page import QuestionPage
from broker.model.question_words import Detail, QuestionWords
from broker.net.pages import Page
from broker.net.question_page import ALLOWED, DENIED, NOT_TAKEN, question_page


async def nobody(answer: Answer) -> bool:
    raise AssertionError(answer)


def page(
    title: str = "May curl have it?", value: str = "curl", *, name: str = "program"
) -> Page:
    words = QuestionWords(title=title, details=(Detail(name, value),))
    shown = QuestionPage(words=words, answers=tuple(Answer), on_answer=nobody)
    return question_page(shown, path="/question/abc", token="one-time")


def text_of(shown: Page) -> str:
    return shown.body.decode()


class Tags(HTMLParser):
    """Every tag with its attributes, and all text, as a browser would find them."""

    def __init__(self, shown: Page) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.text = ""
        self.feed(text_of(shown))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("shown", [page(), ALLOWED, DENIED, NOT_TAKEN])
def test_nothing_but_our_style_and_our_form_is_allowed(shown: Page) -> None:
    style = re.findall(r"<style>(.*?)</style>", text_of(shown), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style[0].encode()).digest()).decode()
    policy = shown.security_policy.split("; ")
    assert policy[0] == "default-src 'none'"
    assert f"style-src 'sha256-{digest}'" in policy
    assert "frame-ancestors 'none'" in policy
    has_form = "<form" in text_of(shown)
    assert ("form-action 'self'" in policy) is has_form
    assert not re.search(r"<script|https?:|url\(|style=| on[a-z]+=", text_of(shown))


def test_the_return_key_denies() -> None:
    buttons = [
        dict(attrs)["value"] for tag, attrs in Tags(page()).tags if tag == "button"
    ]
    assert buttons == ["deny", "once", "session", "always"]


@given(st.text(max_size=80), st.text(max_size=80))
def test_whatever_a_program_is_called_the_page_has_the_same_tags(
    title: str, value: str
) -> None:
    found = Tags(page(title + "<script>alert(1)</script>", value, name=value))
    assert found.tags == Tags(page()).tags


@pytest.mark.parametrize(
    "hostile",
    ["<b>x</b>", '"><script>', "{content}", "{style}", "{message}", "&lt;b&gt;"],
)
def test_hostile_words_are_shown_as_they_are(hostile: str) -> None:
    assert Tags(page(value=hostile)).text.count(hostile) == 1
