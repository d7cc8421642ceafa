import pytest
from msgspec.structs import replace

from broker.model.errors import BadRequestError, PortInUseError
from broker.sandbox.server import SandboxOptions, start_sandbox
from tests.sandbox.conftest import StartProgram
from tests.sandbox.program import Program


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("", 200),
        ("nowhere", 404),
        ("token", 405),
        ("jwks", 200),
        ("authorize", 400),
        ("drive/v3/files", 401),
        ("sandbox/stats", 200),
    ],
)
async def test_every_answer_says_that_it_is_a_sandbox(
    program: Program, path: str, status: int
) -> None:
    answer = await program.get(path)
    assert answer.status == status
    assert answer.headers["Sandbox"] == "brokerd"
    assert "sandbox" in answer.text or path == "jwks"


@pytest.mark.parametrize("host", ["example.com", "localhost", "127.0.0.1", ""])
async def test_another_host_name_is_refused(program: Program, host: str) -> None:
    assert (await program.get("sandbox/stats", Host=host)).status == 421


async def test_a_taken_port_is_said(program: Program, options: SandboxOptions) -> None:
    port = int(program.sandbox.issuer.rpartition(":")[2])
    with pytest.raises(PortInUseError) as refused:
        await start_sandbox(replace(options, port=port))
    assert refused.value.port == port


async def test_a_closed_sandbox_lets_go_of_its_port(
    start: StartProgram, options: SandboxOptions
) -> None:
    first = await start_sandbox(options)
    await first.close()
    await first.close()
    port = int(first.issuer.rpartition(":")[2])
    again = await start(replace(options, port=port))
    assert again.sandbox.issuer == first.issuer


async def test_a_token_without_life_is_refused(options: SandboxOptions) -> None:
    with pytest.raises(BadRequestError):
        await start_sandbox(replace(options, access_ttl=0))
    with pytest.raises(BadRequestError):
        await start_sandbox(replace(options, refresh_ttl=0))


async def test_a_body_over_the_cap_is_refused(program: Program) -> None:
    answer = await program.token(grant_type="refresh_token", refresh_token="x" * 70_000)
    assert answer.status == 413
    assert answer.json()["error"] == "invalid_request"


async def test_the_token_requests_are_counted_by_grant_type(program: Program) -> None:
    tokens = await program.sign_in()
    await program.refresh(tokens["refresh_token"])
    await program.token(grant_type="password")
    stats = (await program.get("sandbox/stats")).json()
    assert stats["token_requests"] == {
        "authorization_code": 1,
        "refresh_token": 1,
        "urn:ietf:params:oauth:grant-type:device_code": 0,
        "client_credentials": 0,
        "other": 1,
    }
    assert stats["live_sign_ins"] == 1
