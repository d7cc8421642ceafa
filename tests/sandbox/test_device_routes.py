import pytest

from tests.sandbox.program import DRIVE, Answer, MovableClock, Program

GRANT = "urn:ietf:params:oauth:grant-type:device_code"


async def begun(program: Program, scope: str = DRIVE) -> dict[str, str]:
    """The device authorization response."""
    form = {"client_id": program.client_id, "scope": scope}
    answer = await program.post("device_authorization", form, program.basic)
    assert answer.status == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return {name: str(value) for name, value in answer.json().items()}


async def asked(program: Program, device: dict[str, str]) -> Answer:
    return await program.token(grant_type=GRANT, device_code=device["device_code"])


async def clicked(
    program: Program, device: dict[str, str], decision: str, *scopes: str
) -> Answer:
    page = await program.post("device", {"user_code": device["user_code"]})
    form = [("consent", page.hidden("consent")), ("decision", decision)]
    return await program.post(
        "device/consent", [*form, *(("scope", scope) for scope in scopes)]
    )


async def test_the_answer_has_what_rfc8628_section_3_2_wants(asking: Program) -> None:
    device = await begun(asking)
    assert device["verification_uri"] == f"{asking.sandbox.issuer}/device"
    assert device["verification_uri_complete"].endswith(
        f"/device?user_code={device['user_code']}"
    )
    assert (device["expires_in"], device["interval"]) == ("600", "1")
    assert device["user_code"] not in device["device_code"]


async def test_the_whole_line(asking: Program, clock: MovableClock) -> None:
    device = await begun(asking, f"openid {DRIVE}")
    pending = await asked(asking, device)
    assert (pending.status, pending.json()["error"]) == (400, "authorization_pending")
    done = await clicked(asking, device, "allow", "openid", DRIVE)
    assert "signed in" in done.text
    clock.advance(1)
    tokens = (await asked(asking, device)).json()
    assert tokens["scope"] == f"openid {DRIVE}"
    assert str(tokens["id_token"]).count(".") == 2
    assert (await asking.files(str(tokens["access_token"]))).status == 200
    assert (await asking.refresh(str(tokens["refresh_token"]))).status == 200
    assert (await asked(asking, device)).json()["error"] == "invalid_grant"


async def test_a_sandbox_that_approves_by_itself_asks_nobody(program: Program) -> None:
    device = await begun(program)
    assert (await asked(program, device)).status == 200


async def test_a_scope_that_was_unticked_is_not_granted(
    asking: Program, clock: MovableClock
) -> None:
    device = await begun(asking, f"openid {DRIVE}")
    await clicked(asking, device, "allow", DRIVE)
    clock.advance(1)
    assert (await asked(asking, device)).json()["scope"] == DRIVE


@pytest.mark.parametrize(("decision", "scopes"), [("deny", [DRIVE]), ("allow", [])])
async def test_a_refusal_is_told(
    asking: Program, decision: str, scopes: list[str]
) -> None:
    device = await begun(asking)
    await clicked(asking, device, decision, *scopes)
    assert (await asked(asking, device)).json()["error"] == "access_denied"


async def test_slow_down_and_expiry_are_told(
    asking: Program, clock: MovableClock
) -> None:
    device = await begun(asking)
    await asked(asking, device)
    assert (await asked(asking, device)).json()["error"] == "slow_down"
    clock.advance(600)
    assert (await asked(asking, device)).json()["error"] == "expired_token"


async def test_the_page_shows_the_code_and_says_who_should_not_go_on(
    asking: Program,
) -> None:
    device = await begun(asking)
    prefilled = await asking.get(f"device?user_code={device['user_code']}")
    assert f'value="{device["user_code"]}"' in prefilled.text
    assert "one that somebody sent you" in prefilled.text
    page = await asking.post("device", {"user_code": device["user_code"].lower()})
    assert device["user_code"] in page.text
    assert "if somebody" in page.text
    assert "form-action 'self';" in page.headers["Content-Security-Policy"]


async def test_a_link_alone_approves_nothing(asking: Program) -> None:
    device = await begun(asking)
    await asking.get(f"device?user_code={device['user_code']}")
    await asking.post("device", {"user_code": device["user_code"]})
    pending = await asked(asking, device)
    assert pending.json()["error"] == "authorization_pending"


async def test_a_strangers_code_stays_text(asking: Program) -> None:
    page = await asking.get("device?user_code=%22%3E%3Cscript%3E")
    assert "<script" not in page.text
    again = await asking.post("device", {"user_code": '"><script>'})
    assert "No device waits" in again.text
    assert "<script" not in again.text


async def test_another_site_can_neither_enter_nor_click(asking: Program) -> None:
    device = await begun(asking)
    foreign = {"Origin": "https://example.com"}
    form = {"user_code": device["user_code"]}
    assert (await asking.post("device", form, foreign)).status == 400
    page = await asking.post("device", form)
    click = {"consent": page.hidden("consent"), "decision": "allow", "scope": DRIVE}
    assert (await asking.post("device/consent", click, foreign)).status == 400


async def test_a_scope_that_was_not_asked_cannot_be_ticked(asking: Program) -> None:
    device = await begun(asking)
    assert (await clicked(asking, device, "allow", DRIVE, "more")).status == 400


async def test_a_page_is_answered_once(asking: Program) -> None:
    device = await begun(asking)
    page = await asking.post("device", {"user_code": device["user_code"]})
    click = {"consent": page.hidden("consent"), "decision": "deny"}
    assert (await asking.post("device/consent", click)).status == 200
    assert (await asking.post("device/consent", click)).status == 400


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"client_id": "brokerd-sandbox", "client_secret": "wrong"}, 401),
        ({"client_id": "brokerd-sandbox"}, 401),
        ({"client_id": "another"}, 400),
        ({}, 400),
    ],
)
async def test_a_client_that_does_not_prove_itself_gets_no_code(
    asking: Program, form: dict[str, str], status: int
) -> None:
    answer = await asking.post("device_authorization", form)
    assert answer.status == status
    assert "user_code" not in answer.json()


async def test_parameters_in_the_address_or_twice_are_refused(asking: Program) -> None:
    form = [("client_id", asking.client_id), ("client_id", asking.client_id)]
    assert (await asking.post("device_authorization", form, asking.basic)).status == 400
    path = "device_authorization?client_id=x"
    assert (await asking.post(path, {}, asking.basic)).status == 400


async def test_an_unknown_device_code_is_an_invalid_grant(asking: Program) -> None:
    answer = await asking.token(grant_type=GRANT, device_code="made-up")
    assert (answer.status, answer.json()["error"]) == (400, "invalid_grant")
