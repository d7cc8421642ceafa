import pytest

from tests.sandbox.program import Program

WELL_KNOWN = [
    ".well-known/oauth-authorization-server",
    ".well-known/openid-configuration",
]


@pytest.mark.parametrize("path", WELL_KNOWN)
async def test_both_well_known_places_say_the_same(program: Program, path: str) -> None:
    answer = await program.get(path)
    document = answer.json()
    issuer = program.sandbox.issuer
    assert answer.headers["Content-Type"].startswith("application/json")
    assert document["issuer"] == issuer
    assert document["token_endpoint"] == f"{issuer}/token"
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["response_types_supported"] == ["code"]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert document["sandbox"] is True


async def test_every_endpoint_in_the_metadata_is_there(program: Program) -> None:
    document = (await program.get(WELL_KNOWN[0])).json()
    for name, url in document.items():
        if name.endswith(("_endpoint", "_uri")):
            path = str(url).removeprefix(f"{program.sandbox.issuer}/")
            assert (await program.get(path)).status in {200, 400, 405}, name


async def test_the_published_keys_hold_nothing_private(program: Program) -> None:
    keys = (await program.get("jwks")).json()["keys"]
    assert isinstance(keys, list)
    assert {"kid", "n", "e"} <= set(keys[0])
    assert not {"d", "p", "q", "dp", "dq", "qi"} & set(keys[0])
