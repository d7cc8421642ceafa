import base64
import hashlib
import re

import pytest

from broker.model.redirect import Outcome
from broker.net.loopback import page_of
from broker.net.pages import FAILURE, REFUSAL, STRAY, SUCCESS, Page, success_page

PAGES = {"success": SUCCESS, "refusal": REFUSAL, "failure": FAILURE, "stray": STRAY}

every_page = pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())


def text_of(page: Page) -> str:
    return page.body.decode()


@every_page
def test_the_policy_allows_our_style_and_nothing_else(page: Page) -> None:
    style = re.findall(r"<style>(.*?)</style>", text_of(page), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style[0].encode()).digest()).decode()
    assert page.security_policy.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    assert len(style) == 1


@every_page
def test_a_page_runs_no_script_and_loads_nothing(page: Page) -> None:
    tags = set(re.findall(r"<([a-z0-9]+)", text_of(page)))
    assert not tags & {"script", "img", "link", "iframe", "form", "object", "a"}
    assert not re.search(r"https?:|//|url\(|@import|style=| on[a-z]+=", text_of(page))


@every_page
def test_every_placeholder_is_filled(page: Page) -> None:
    without_style = re.sub(r"<style>.*?</style>", "", text_of(page), flags=re.DOTALL)
    assert "{" not in without_style


@every_page
def test_every_page_warns_of_people_who_ask_for_its_address(page: Page) -> None:
    assert "Never paste one" in text_of(page)
    assert "127.0.0.1" in text_of(page)


@every_page
def test_every_page_is_drawn_in_light_and_dark(page: Page) -> None:
    assert "prefers-color-scheme: dark" in text_of(page)
    assert 'content="light dark"' in text_of(page)


def test_each_outcome_has_its_own_page() -> None:
    shown = {outcome: page_of(outcome, None) for outcome in Outcome}
    assert shown == {
        Outcome.SIGNED_IN: SUCCESS,
        Outcome.REFUSED: REFUSAL,
        Outcome.FAILED: FAILURE,
    }


def test_only_the_success_page_says_that_the_window_may_be_closed() -> None:
    assert "You may close this window" in text_of(SUCCESS)
    assert "You may close this window" not in text_of(FAILURE) + text_of(REFUSAL)


def test_refusal_and_failure_send_the_person_to_the_terminal() -> None:
    assert "terminal" in text_of(REFUSAL)
    assert "terminal" in text_of(FAILURE)


def test_the_persons_own_message_is_shown_as_text() -> None:
    page = text_of(success_page("<script>alert('ü & {style}')</script>"))
    assert "&lt;script&gt;alert(&#x27;ü &amp; {style}&#x27;)&lt;/script&gt;" in page
    assert "<script" not in page
    assert page.count(":root {") == text_of(SUCCESS).count(":root {")


def test_the_persons_own_message_cannot_turn_the_line_around() -> None:
    assert "\u202e" not in text_of(success_page("a\u202eb"))


@pytest.mark.parametrize("message", [None, ""])
def test_without_a_message_nothing_is_left_of_it(message: str | None) -> None:
    assert success_page(message) == SUCCESS
    assert 'class="message"' not in text_of(SUCCESS)


def test_no_page_shows_its_text_in_its_repr() -> None:
    assert "own words" not in repr(success_page("own words"))
