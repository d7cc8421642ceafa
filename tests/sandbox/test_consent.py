import re

import pytest

from tests.sandbox.program import DRIVE, REDIRECT_URI, Answer, MovableClock, Program


def form(page: Answer, decision: str, *scopes: str) -> list[tuple[str, str]]:
    return [
        ("consent", page.hidden("consent")),
        ("decision", decision),
        *(("scope", scope) for scope in scopes),
    ]


async def test_the_page_says_who_wants_what_and_that_it_is_a_sandbox(
    asking: Program,
) -> None:
    page = await asking.authorize(scope=f"{DRIVE} my:own", login_hint="me@example.com")
    assert page.status == 200
    for shown in (
        "This is a sandbox.",
        asking.client_id,
        DRIVE,
        "my:own",
        REDIRECT_URI,
    ):
        assert shown in page.text
    assert "me@example.com" in page.text


async def test_the_page_runs_no_script_and_fits_in_no_frame(asking: Program) -> None:
    page = await asking.authorize()
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' http://127.0.0.1:43211;" in policy
    assert page.headers["Cache-Control"] == "no-store"
    assert "<script" not in page.text


@pytest.mark.parametrize("name", ["scope", "login_hint"])
async def test_a_strangers_text_stays_text(asking: Program, name: str) -> None:
    page = await asking.authorize(**{name: "<b>'&\"x" if name != "scope" else "<b>'&"})
    assert page.status == 200
    assert "<b>'" not in page.text
    assert "&lt;b&gt;&#x27;&amp;" in page.text


async def test_allow_leads_to_a_code_for_what_was_asked(asking: Program) -> None:
    page = await asking.authorize(scope=f"{DRIVE} openid")
    response = await asking.post("consent", form(page, "allow", DRIVE, "openid"))
    tokens = (await asking.spend(response.redirected()["code"])).json()
    assert tokens["scope"] == f"{DRIVE} openid"
    assert response.redirected()["iss"] == asking.sandbox.issuer
    assert response.redirected()["state"] == "state-1"


async def test_an_unticked_scope_is_not_granted(asking: Program) -> None:
    page = await asking.authorize(scope=f"{DRIVE} openid")
    response = await asking.post("consent", form(page, "allow", DRIVE))
    tokens = (await asking.spend(response.redirected()["code"])).json()
    assert tokens["scope"] == DRIVE
    assert "id_token" not in tokens


@pytest.mark.parametrize("decision", ["deny", "", "nonsense"])
async def test_anything_but_allow_is_a_refusal(asking: Program, decision: str) -> None:
    page = await asking.authorize()
    response = (await asking.post("consent", form(page, decision, DRIVE))).redirected()
    assert response["error"] == "access_denied"
    assert response["state"] == "state-1"
    assert response["iss"] == asking.sandbox.issuer


async def test_allow_with_everything_unticked_is_a_refusal(asking: Program) -> None:
    page = await asking.authorize()
    response = await asking.post("consent", form(page, "allow"))
    assert response.redirected()["error"] == "access_denied"


async def test_a_scope_that_was_not_asked_cannot_be_ticked(asking: Program) -> None:
    page = await asking.authorize()
    answer = await asking.post("consent", form(page, "allow", DRIVE, "more"))
    assert answer.status == 400
    assert "Location" not in answer.headers


async def test_a_page_is_answered_once(asking: Program) -> None:
    page = await asking.authorize()
    assert (await asking.post("consent", form(page, "deny"))).status == 303
    assert (await asking.post("consent", form(page, "allow", DRIVE))).status == 400


async def test_an_old_page_is_refused(asking: Program, clock: MovableClock) -> None:
    page = await asking.authorize()
    clock.advance(600)
    assert (await asking.post("consent", form(page, "allow", DRIVE))).status == 400


async def test_a_made_up_page_is_refused(asking: Program) -> None:
    await asking.authorize()
    answer = await asking.post("consent", {"consent": "x", "decision": "allow"})
    assert answer.status == 400


@pytest.mark.parametrize("origin", ["https://example.com", "null"])
async def test_another_site_cannot_click_nor_spend_the_page(
    asking: Program, origin: str
) -> None:
    page = await asking.authorize()
    allow = form(page, "allow", DRIVE)
    foreign = await asking.post("consent", allow, {"Origin": origin})
    assert foreign.status == 403
    own = await asking.post("consent", allow, {"Origin": asking.sandbox.issuer})
    assert own.status == 303


async def test_a_consent_id_cannot_be_guessed(asking: Program) -> None:
    first = (await asking.authorize()).hidden("consent")
    second = (await asking.authorize()).hidden("consent")
    assert first != second
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", first)
