from tests.sandbox.program import Program
from tests.sandbox.test_device_routes import GRANT, asked, begun


async def test_openid_brings_an_id_token_though_oauthlib_leaves_it_out(
    program: Program,
) -> None:
    device = await begun(program, "openid")
    tokens = (await asked(program, device)).json()
    assert tokens["token_type"] == "Bearer"
    assert {"access_token", "refresh_token", "id_token"} <= set(tokens)


async def test_a_device_code_of_nothing_is_refused(program: Program) -> None:
    answer = await program.token(grant_type=GRANT)
    assert (answer.status, answer.json()["error"]) == (400, "invalid_request")


async def test_the_code_names_neither_client_nor_scope(program: Program) -> None:
    device = await begun(program)
    assert program.client_id not in device["device_code"]
    assert "drive" not in device["device_code"]
