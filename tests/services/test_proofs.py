"""Proofs for peers: who gets one, for what, and what is remembered of APIs."""

import json

import pytest
from msgspec.structs import replace

from broker.model.errors import (
    BadRequestError,
    LockedError,
    NoAccountsError,
    NotPermittedError,
    UnknownAccountError,
)
from broker.services.proofs import ProofWanted
from tests.fakes.proofs import read_proof
from tests.services.world import (
    DPOP_KEY,
    HOME,
    PERSON,
    STRANGER,
    WORK,
    World,
    a_bound_grant,
    a_grant,
    a_world,
    digest,
)

API = "https://api.example/files"


def wanted(**changes: object) -> ProofWanted:
    words = {
        "account": WORK,
        "method": "GET",
        "url": API,
        "token_digest": digest("access-1"),
    }
    return ProofWanted(**words | changes)  # type: ignore[arg-type]


def claims(world: World, **changes: object) -> dict[str, object]:
    return read_proof(world.proofs.proof(PERSON, wanted(**changes)).proof)[1]


@pytest.fixture
async def world() -> World:
    return await a_world(a_bound_grant(), a_grant(HOME))


async def test_a_proof_is_for_one_request_one_token_and_the_accounts_key(
    world: World,
) -> None:
    served = world.proofs.proof(PERSON, wanted(url=f"{API}?page=2"))
    header, said = read_proof(served.proof)
    assert served.account == WORK
    assert (said["htm"], said["htu"]) == ("GET", API)
    assert said["ath"]
    assert said["iat"] == 1_800_000_000
    key = json.loads(DPOP_KEY.reveal())
    assert header["jwk"] == {name: key[name] for name in ("kty", "crv", "x", "y")}


async def test_no_two_proofs_are_the_same(world: World) -> None:
    assert claims(world)["jti"] != claims(world)["jti"]


async def test_another_user_gets_no_proof(world: World) -> None:
    with pytest.raises(NotPermittedError):
        world.proofs.proof(STRANGER, wanted())


async def test_tokens_that_are_not_bound_have_no_proof(world: World) -> None:
    with pytest.raises(BadRequestError, match="not bound"):
        world.proofs.proof(PERSON, wanted(account=HOME))


async def test_no_account_no_proof(world: World) -> None:
    with pytest.raises(UnknownAccountError):
        world.proofs.proof(PERSON, wanted(account="nobody"))


async def test_the_account_that_is_meant_need_not_be_named() -> None:
    world = await a_world(a_bound_grant())
    assert world.proofs.proof(PERSON, wanted(account=None)).account == WORK


async def test_before_the_first_login_there_is_just_no_account() -> None:
    world = World(source=None)
    await world.vault.open_at_start()
    with pytest.raises(NoAccountsError):
        world.proofs.proof(PERSON, wanted(account=None))


async def test_while_the_store_is_locked_there_is_no_proof(world: World) -> None:
    await world.vault.lock()
    with pytest.raises(LockedError):
        world.proofs.proof(PERSON, wanted())


@pytest.mark.parametrize(
    "url",
    [
        "https://issuer.example/token",
        "https://issuer.example/token?x=1",
        "http://api.example/",
    ],
)
async def test_no_proof_for_the_token_endpoint_nor_for_where_no_token_may_go(
    world: World, url: str
) -> None:
    with pytest.raises(BadRequestError):
        world.proofs.proof(PERSON, wanted(method="POST", url=url))


async def test_rfc9449_section_9_the_nonce_of_an_api_is_remembered(
    world: World,
) -> None:
    assert "nonce" not in claims(world)
    assert claims(world, nonce="n-1")["nonce"] == "n-1"
    assert claims(world, url="https://api.example:443/other")["nonce"] == "n-1"
    assert "nonce" not in claims(world, url="https://elsewhere.example/")


async def test_a_nonce_that_one_accounts_peers_tell_is_not_anothers() -> None:
    one = a_bound_grant()
    other = replace(one, account=replace(one.account, name=HOME))
    world = await a_world(one, other)
    claims(world, nonce="n-1")
    assert "nonce" not in claims(world, account=HOME)
