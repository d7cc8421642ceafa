"""Codes that the sandbox shows: in the page, in the title, or in both."""

import html
import re

import pytest

from broker.oauth.oob import OOB_AUTO_URI, OOB_URI, parse_title
from tests.sandbox.program import DRIVE, Answer, Program


def shown(answer: Answer) -> tuple[str, str]:
    """The title and what stands below it."""
    assert answer.status == 200, answer.text
    assert "Location" not in answer.headers
    found = re.fullmatch(r"(?s).*<title>(.*?)</title>(.*)", answer.text)
    assert found is not None
    return html.unescape(found[1]), found[2]


@pytest.mark.parametrize("uri", [OOB_URI, OOB_AUTO_URI])
async def test_the_code_in_the_title_is_spent_with_the_redirect_uri(
    program: Program, uri: str
) -> None:
    title, _ = shown(await program.authorize(redirect_uri=uri, state="a b&c"))
    found = re.fullmatch(
        r"Success code=(\w+)&state=a\+b%26c&iss=(\S+)", title.replace("-", "_")
    )
    assert found is not None, title
    code = title.removeprefix("Success code=").partition("&")[0]
    answer = await program.spend(code, redirect_uri=uri)
    assert answer.status == 200, answer.text


async def test_the_page_shows_the_code_only_where_it_is_to_be_copied(
    program: Program,
) -> None:
    title, body = shown(await program.authorize(redirect_uri=OOB_URI))
    code = title.removeprefix("Success code=").partition("&")[0]
    assert f"<code>{code}</code>" in body
    assert "nowhere else" in body
    title, body = shown(await program.authorize(redirect_uri=OOB_AUTO_URI))
    code = title.removeprefix("Success code=").partition("&")[0]
    assert code not in body
    assert "Close this window" in body


async def test_a_refusal_is_a_title_too(asking: Program) -> None:
    page = await asking.authorize(redirect_uri=OOB_AUTO_URI)
    assert "form-action 'self';" in page.headers["Content-Security-Policy"]
    form = {"consent": page.hidden("consent"), "decision": "deny", "scope": DRIVE}
    title, _ = shown(await asking.post("consent", form))
    answer = parse_title(title)
    assert answer is not None
    assert answer.reveal().startswith(f"{OOB_AUTO_URI}?error=access_denied&")
    assert "&state=state-1&" in answer.reveal()


async def test_a_state_cannot_write_into_the_page(program: Program) -> None:
    answer = await program.authorize(
        redirect_uri=OOB_URI, state="</title><script>alert(1)</script>"
    )
    assert "<script" not in answer.text
