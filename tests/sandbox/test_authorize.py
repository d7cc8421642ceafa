from urllib.parse import urlencode

import pytest

from tests.sandbox.program import REDIRECT_URI, Program


async def test_the_response_carries_code_state_and_issuer(program: Program) -> None:
    answer = await program.authorize(state="a b&c")
    response = answer.redirected()
    assert answer.headers["Location"].startswith(REDIRECT_URI + "?")
    assert response["state"] == "a b&c"
    assert response["iss"] == program.sandbox.issuer
    assert set(response) == {"code", "state", "iss"}


@pytest.mark.parametrize(
    "redirect_uri",
    ["http://[::1]:1/", "http://localhost:65000/any/path", "http://127.0.0.1"],
)
async def test_rfc_8252_section_7_3_the_port_and_path_are_the_programs(
    program: Program, redirect_uri: str
) -> None:
    answer = await program.authorize(redirect_uri=redirect_uri)
    assert answer.headers["Location"].startswith(redirect_uri + "?code=")


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "somebody"},
        {"client_id": None},
        {"redirect_uri": None},
        {"redirect_uri": "https://example.com/"},
        {"redirect_uri": "http://127.0.0.1@example.com/"},
        {"redirect_uri": "/relative"},
        {"redirect_uri": "http://127.0.0.1/<script>"},
    ],
)
async def test_before_the_redirect_uri_is_trusted_a_fault_is_a_page(
    program: Program, changes: dict[str, str | None]
) -> None:
    answer = await program.authorize(**changes)
    assert answer.status == 400
    assert "Location" not in answer.headers
    assert "This is a sandbox." in answer.text
    assert "<script" not in answer.text
    assert answer.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("name", ["redirect_uri", "state", "client_id", "scope"])
async def test_a_repeated_parameter_is_a_page(program: Program, name: str) -> None:
    query = urlencode(
        [
            ("client_id", program.client_id),
            ("redirect_uri", REDIRECT_URI),
            (name, "http://127.0.0.1:2/"),
            (name, "http://127.0.0.1:3/"),
        ]
    )
    assert (await program.get(f"authorize?{query}")).status == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        (
            {"code_challenge": None, "code_challenge_method": None},
            "invalid_request",
        ),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": "é" * 43}, "invalid_request"),
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": 'a"b'}, "invalid_scope"),
        ({"scope": " ".join(f"s{n}" for n in range(51))}, "invalid_scope"),
        ({"resource": "relative"}, "invalid_target"),
        ({"resource": "https://api.example/#part"}, "invalid_target"),
        ({"request": "a.b.c"}, "request_not_supported"),
        ({"request_uri": "https://example.com/"}, "request_uri_not_supported"),
        ({"prompt": "none login"}, "invalid_request"),
    ],
)
async def test_a_fault_after_that_is_an_error_response_with_issuer(
    program: Program, changes: dict[str, str | None], error: str
) -> None:
    answer = await program.authorize(**changes)
    response = answer.redirected()
    assert answer.headers["Location"].startswith(REDIRECT_URI + "?")
    assert response["error"] == error
    assert response["state"] == "state-1"
    assert response["iss"] == program.sandbox.issuer
    assert "code" not in response


async def test_prompt_none_without_auto_approve_needs_consent(asking: Program) -> None:
    response = (await asking.authorize(prompt="none")).redirected()
    assert response["error"] == "consent_required"


async def test_prompt_none_with_auto_approve_is_answered(program: Program) -> None:
    assert "code" in (await program.authorize(prompt="none")).redirected()


async def test_without_a_scope_the_default_one_is_granted(program: Program) -> None:
    tokens = await program.sign_in(scope=None)
    assert tokens["scope"] == "https://www.googleapis.com/auth/drive.metadata.readonly"


@pytest.mark.parametrize("query", ["%", "%ff=%ff", "a=1&" * 200, "client_id=%00", "="])
async def test_hostile_queries_are_pages(program: Program, query: str) -> None:
    assert (await program.get(f"authorize?{query}")).status == 400
