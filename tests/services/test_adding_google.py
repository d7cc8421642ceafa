"""Google's accounts without a person in the whole of the services."""

import json

import pytest

from broker.ipc.adding_wire import parse_wanted
from broker.model.account import AccountName
from broker.model.errors import (
    BadRequestError,
    CredentialRefusedError,
    UnknownAccountError,
)
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.model.unattended import parent_of
from broker.services.adding import Added, Wanted
from tests.services.google import DRIVE, IAM, OAUTH, TARGET, FakeGoogle, key_file
from tests.services.google import refusal as refused
from tests.services.world import World, a_world

ONE, TWO, THREE = AccountName("one"), AccountName("two"), AccountName("three")
KEY: dict[str, object] = {"credentials": key_file()}


class Googles:
    """A world whose only issuer is Google."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.google = FakeGoogle()
        world.sender.answer_always(self.google)

    async def add(self, name: AccountName, **members: object) -> Added:
        body = {"kind": "google", "scopes": [DRIVE], **members}
        wanted = parse_wanted(name, json.dumps(body).encode())
        assert isinstance(wanted, Wanted)
        parent = parent_of(wanted.unattended)
        if parent is not None:
            return await self.world.deriving.begun(wanted, parent)
        return await self.world.adding.add(wanted)

    async def token(self, name: AccountName) -> Secret:
        tokens = self.world.tokens
        return (await tokens.token(tokens.key(name, None, None), Seconds(0))).value


@pytest.fixture
async def googles() -> Googles:
    return Googles(await a_world())


async def test_a_key_is_sealed_and_its_first_token_is_at_hand(googles: Googles) -> None:
    added = await googles.add(ONE, **KEY)
    assert await googles.token(ONE) == added.token.value
    assert googles.google.asked == [OAUTH]
    kept = googles.world.store.grants[ONE]
    assert kept.scopes == {DRIVE}
    assert kept.account.issuer.url == "https://accounts.google.com"


async def test_what_google_refuses_leaves_nothing(googles: Googles) -> None:
    googles.google.at[OAUTH] = refused("invalid_grant", "Invalid JWT Signature.")
    with pytest.raises(CredentialRefusedError):
        await googles.add(ONE, **KEY)
    assert ONE not in googles.world.store.grants


async def test_it_begins_with_the_token_of_another_account(googles: Googles) -> None:
    await googles.add(ONE, **KEY)
    await googles.add(TWO, **{"from": "one", "impersonate": TARGET})
    assert googles.google.asked == [OAUTH, f"{IAM}{TARGET}:generateAccessToken"]
    token = await googles.token(ONE)
    assert googles.google.bodies[0][0] == f"Bearer {token.reveal()}"


async def test_it_begins_with_no_account_that_is_not_there(googles: Googles) -> None:
    with pytest.raises(UnknownAccountError):
        await googles.add(TWO, **{"from": "one", "impersonate": TARGET})
    assert googles.world.store.grants.keys() & {TWO} == set()


async def test_no_account_is_made_of_itself(googles: Googles) -> None:
    await googles.add(ONE, **KEY)
    with pytest.raises(BadRequestError, match="circle"):
        await googles.add(
            ONE, **{"from": "one", "impersonate": TARGET, "replace": True}
        )
    await googles.add(TWO, **{"from": "one", "impersonate": TARGET})
    await googles.add(THREE, **{"from": "two", "impersonate": TARGET})
    with pytest.raises(BadRequestError, match="circle"):
        await googles.add(
            ONE, **{"from": "three", "impersonate": TARGET, "replace": True}
        )
    assert googles.world.store.grants[ONE].unattended != (
        googles.world.store.grants[TWO].unattended
    )
