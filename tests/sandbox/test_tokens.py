import asyncio
import base64
import hashlib
import logging

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from msgspec.structs import replace

from broker.sandbox.server import SandboxOptions
from tests.sandbox.conftest import StartProgram
from tests.sandbox.program import DRIVE, REDIRECT_URI, MovableClock, Program


async def test_the_whole_line(program: Program, clock: MovableClock) -> None:
    first = await program.sign_in()
    assert first["token_type"] == "Bearer"
    assert first["expires_in"] == "3600"
    assert first["scope"] == DRIVE
    assert (await program.files(first["access_token"])).status == 200
    clock.advance(3600)
    assert (await program.files(first["access_token"])).status == 401
    second = (await program.refresh(first["refresh_token"])).json()
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    assert (await program.files(str(second["access_token"]))).status == 200


async def test_an_answer_with_tokens_is_not_stored_and_says_sandbox(
    program: Program,
) -> None:
    answer = await program.spend(await program.code())
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json()["sandbox"] is True


async def test_a_wrong_verifier_is_refused_and_the_code_is_spent(
    program: Program,
) -> None:
    code = await program.code()
    wrong = await program.spend(code, code_verifier="x" * 43)
    assert (wrong.status, wrong.json()["error"]) == (400, "invalid_grant")
    assert (await program.spend(code)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("verifier", ["", "short", "é" * 50, "x" * 129])
async def test_a_malformed_verifier_is_refused(program: Program, verifier: str) -> None:
    answer = await program.spend(await program.code(), code_verifier=verifier)
    assert (answer.status, answer.json()["error"]) == (400, "invalid_request")


async def test_another_redirect_uri_than_at_the_start_is_refused(
    program: Program,
) -> None:
    answer = await program.spend(await program.code(), redirect_uri=REDIRECT_URI + "x")
    assert (answer.status, answer.json()["error"]) == (400, "invalid_grant")


async def test_a_code_lives_sixty_seconds(
    program: Program, clock: MovableClock
) -> None:
    code, late = await program.code(), await program.code()
    clock.advance(59)
    assert (await program.spend(code)).status == 200
    clock.advance(1)
    assert (await program.spend(late)).json()["error"] == "invalid_grant"


async def test_a_code_used_twice_revokes_what_it_gave(program: Program) -> None:
    code = await program.code()
    tokens = (await program.spend(code)).json()
    assert (await program.spend(code)).json()["error"] == "invalid_grant"
    assert (await program.files(str(tokens["access_token"]))).status == 401
    assert (await program.refresh(str(tokens["refresh_token"]))).status == 400


async def test_a_refresh_token_used_twice_ends_the_whole_family(
    program: Program,
) -> None:
    first = await program.sign_in()
    second = (await program.refresh(first["refresh_token"])).json()
    stolen = await program.refresh(first["refresh_token"])
    assert (stolen.status, stolen.json()["error"]) == (400, "invalid_grant")
    assert not await program.is_active(str(second["access_token"]))
    assert (await program.refresh(str(second["refresh_token"]))).status == 400


async def test_one_familys_end_leaves_the_others(program: Program) -> None:
    first, other = await program.sign_in(), await program.sign_in()
    await program.refresh(first["refresh_token"])
    await program.refresh(first["refresh_token"])
    assert (await program.refresh(other["refresh_token"])).status == 200


async def test_of_two_refreshes_at_once_one_wins_and_the_family_ends(
    program: Program,
) -> None:
    tokens = await program.sign_in()
    answers = await asyncio.gather(
        *(program.refresh(tokens["refresh_token"]) for _ in range(2))
    )
    assert sorted(answer.status for answer in answers) == [200, 400]
    won = next(answer for answer in answers if answer.status == 200).json()
    assert not await program.is_active(str(won["access_token"]))


async def test_rfc_6749_section_6_a_narrowed_scope_narrows_one_token_only(
    program: Program,
) -> None:
    tokens = await program.sign_in(scope=f"{DRIVE} my:own")
    narrow = (await program.refresh(tokens["refresh_token"], scope="my:own")).json()
    assert narrow["scope"] == "my:own"
    assert (await program.files(str(narrow["access_token"]))).status == 403
    wide = (await program.refresh(str(narrow["refresh_token"]))).json()
    assert wide["scope"] == f"{DRIVE} my:own"


async def test_a_wider_scope_is_refused_and_the_refresh_token_stays(
    program: Program,
) -> None:
    tokens = await program.sign_in()
    wider = await program.refresh(tokens["refresh_token"], scope=f"{DRIVE} more")
    assert (wider.status, wider.json()["error"]) == (400, "invalid_scope")
    assert (await program.refresh(tokens["refresh_token"])).status == 200


async def test_a_sign_in_with_a_life_says_what_is_left_and_ends(
    start: StartProgram, options: SandboxOptions, clock: MovableClock
) -> None:
    program = await start(replace(options, auto_approve=True, refresh_ttl=1000))
    tokens = await program.sign_in()
    assert tokens["refresh_token_expires_in"] == "1000"
    clock.advance(400)
    second = (await program.refresh(tokens["refresh_token"])).json()
    assert second["refresh_token_expires_in"] == 600
    clock.advance(600)
    ended = await program.refresh(str(second["refresh_token"]))
    assert ended.json()["error"] == "invalid_grant"


async def test_rfc_8707_a_resource_binds_the_token(program: Program) -> None:
    tokens = await program.sign_in()
    bound = await program.refresh(tokens["refresh_token"], resource="https://api.test/")
    access_token = str(bound.json()["access_token"])
    claims = await program.post("introspect", {"token": access_token}, program.basic)
    assert claims.json()["aud"] == ["https://api.test/"]
    assert (await program.files(access_token)).status == 401


async def test_a_token_for_the_file_api_is_taken_there(program: Program) -> None:
    tokens = await program.sign_in(resource=program.sandbox.api)
    assert (await program.files(tokens["access_token"])).status == 200


@pytest.mark.parametrize("resource", ["https://other.test/", "relative", "a:b#c"])
async def test_a_resource_that_was_not_allowed_is_refused(
    program: Program, resource: str
) -> None:
    tokens = await program.sign_in(resource="https://api.test/")
    answer = await program.refresh(tokens["refresh_token"], resource=resource)
    assert (answer.status, answer.json()["error"]) == (400, "invalid_target")


async def test_with_openid_a_signed_id_token_comes(
    program: Program, clock: MovableClock
) -> None:
    tokens = await program.sign_in(scope="openid email", nonce="n-1")
    keys = KeySet.import_key_set((await program.get("jwks")).json())  # type: ignore[arg-type] # a JWK Set as the server published it
    claims = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"]).claims
    digest = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    assert claims == {
        "iss": program.sandbox.issuer,
        "sub": "sandbox-person-1",
        "aud": program.client_id,
        "iat": int(clock.now),
        "exp": int(clock.now) + 3600,
        "auth_time": int(clock.now),
        "nonce": "n-1",
        "at_hash": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "email": "robin@sandbox.invalid",
        "email_verified": True,
        "sandbox": True,
    }


async def test_a_refresh_brings_an_id_token_of_the_same_person_without_the_nonce(
    program: Program, clock: MovableClock
) -> None:
    tokens = await program.sign_in(scope="openid profile", nonce="n-1")
    clock.now += 100
    answer = await program.refresh(tokens["refresh_token"])
    keys = KeySet.import_key_set((await program.get("jwks")).json())  # type: ignore[arg-type] # as above
    claims = jwt.decode(
        str(answer.json()["id_token"]), keys, algorithms=["RS256"]
    ).claims
    assert claims["sub"] == "sandbox-person-1"
    assert claims["name"] == "Robin Sample"
    assert claims["iat"] == int(clock.now)
    assert "nonce" not in claims


async def test_without_openid_there_is_no_id_token(program: Program) -> None:
    assert "id_token" not in await program.sign_in(scope="email", nonce="n-1")


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense"])
async def test_rfc_7009_revocation_whatever_the_hint(
    program: Program, kind: str, hint: str
) -> None:
    tokens = await program.sign_in()
    form = {"token": tokens[kind], "token_type_hint": hint}
    assert (await program.post("revoke", form, program.basic)).status == 200
    assert not await program.is_active(tokens["access_token"])
    still = await program.is_active(tokens["refresh_token"])
    assert still == (kind == "access_token")
    assert (await program.post("revoke", form, program.basic)).status == 200


async def test_rfc_7662_introspection_tells_of_a_live_token(
    program: Program, clock: MovableClock
) -> None:
    tokens = await program.sign_in()
    form = {"token": tokens["access_token"]}
    claims = (await program.post("introspect", form, program.basic)).json()
    assert claims == {
        "active": True,
        "token_type": "Bearer",
        "scope": DRIVE,
        "client_id": program.client_id,
        "iss": program.sandbox.issuer,
        "sub": "sandbox-person-1",
        "iat": int(clock.now),
        "exp": int(clock.now) + 3600,
        "sandbox": True,
    }
    clock.advance(3600)
    dead = (await program.post("introspect", form, program.basic)).json()
    assert dead == {"active": False, "sandbox": True}


@pytest.mark.parametrize("path", ["token", "revoke", "introspect"])
async def test_without_the_client_secret_nothing_is_told(
    program: Program, path: str
) -> None:
    tokens = await program.sign_in()
    form = {
        "grant_type": "refresh_token",
        "refresh_token": tokens["refresh_token"],
        "token": tokens["access_token"],
        "client_id": program.client_id,
    }
    for secret in ({}, {"client_secret": "wrong"}, {"client_secret": "é"}):
        answer = await program.post(path, form | secret)
        assert (answer.status, answer.json()["error"]) == (401, "invalid_client")
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert await program.is_active(tokens["access_token"])


async def test_client_secret_post_works_as_basic_does(program: Program) -> None:
    tokens = await program.sign_in()
    form = {
        "grant_type": "refresh_token",
        "refresh_token": tokens["refresh_token"],
        "client_id": program.client_id,
        "client_secret": program.client_secret,
    }
    assert (await program.post("token", form)).status == 200


async def test_rfc_6749_section_2_3_two_authentications_are_refused(
    program: Program,
) -> None:
    answer = await program.refresh("x", client_secret=program.client_secret)
    assert (answer.status, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "\0é."}, "invalid_grant"),
        (
            {"grant_type": "refresh_token", "extra_credentials": "x", "user": "y"},
            "invalid_request",
        ),
    ],
)
async def test_a_malformed_token_request_is_named(
    program: Program, form: dict[str, str], error: str
) -> None:
    answer = await program.token(**form)
    assert (answer.status, answer.json()["error"]) == (400, error)


async def test_a_repeated_parameter_is_refused(program: Program) -> None:
    form = [("grant_type", "refresh_token"), ("grant_type", "authorization_code")]
    answer = await program.post("token", form, program.basic)
    assert answer.json()["error"] == "invalid_request"


async def test_parameters_in_the_url_are_refused(program: Program) -> None:
    form = {"token": (await program.sign_in())["access_token"]}
    answer = await program.post("introspect?x=1", form, program.basic)
    assert (answer.status, answer.json()["error"]) == (400, "invalid_request")


async def test_a_body_that_is_no_form_is_refused(program: Program) -> None:
    form = {"token": (await program.sign_in())["access_token"]}
    headers = program.basic | {"Content-Type": "application/json"}
    answer = await program.post("introspect", form, headers)
    assert (answer.status, answer.json()["error"]) == (400, "invalid_request")


async def test_no_token_or_code_is_logged(
    program: Program, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    code = await program.code()
    first = (await program.spend(code)).json()
    second = (await program.refresh(str(first["refresh_token"]))).json()
    seen = caplog.text
    for secret in (code, program.client_secret, program.verifier):
        assert secret not in seen
    for answer in (first, second):
        assert str(answer["access_token"]) not in seen
        assert str(answer["refresh_token"]) not in seen


async def test_the_client_has_tokens_of_its_own_with_nobody_there(
    program: Program,
) -> None:
    answer = await program.token(grant_type="client_credentials", scope="a b")
    token = str(answer.json()["access_token"])
    assert answer.json()["scope"] == "a b"
    assert "refresh_token" not in answer.json()
    claims = (await program.post("introspect", {"token": token}, program.basic)).json()
    assert (claims["sub"], claims["scope"]) == (program.client_id, "a b")
    # They are no sign-ins, and one ends without the other.
    other = await program.token(grant_type="client_credentials")
    await program.post("revoke", {"token": token}, program.basic)
    assert not await program.is_active(token)
    assert await program.is_active(str(other.json()["access_token"]))
    assert (await program.get("sandbox/stats")).json()["live_sign_ins"] == 0


async def test_whoever_does_not_know_the_secret_has_none(program: Program) -> None:
    form = {"grant_type": "client_credentials", "client_id": program.client_id}
    answer = await program.post("token", form)
    assert (answer.status, answer.json()["error"]) == (401, "invalid_client")
