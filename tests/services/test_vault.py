"""The store as the services see it: none, locked, corrupt or open."""

import asyncio

import pytest

from broker.model.errors import (
    BadRequestError,
    BrokerError,
    LockedError,
    StoppingError,
    StoreCorruptError,
    StoreExistsError,
    StoreFailedError,
    WrongPassphraseError,
)
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.services.store_making import NewStore
from broker.services.vault import VaultState
from tests.fakes.clock import run_until_idle
from tests.fakes.store import MemoryStore
from tests.services.world import WORK, World, a_grant, token_answer

NONE = Seconds(0)


def a_locked_world() -> World:
    world = World(store=MemoryStore(a_grant()), source="passphrase")
    world.door.passphrase = "correct horse"
    return world


CORRUPT = StoreCorruptError(path="/x/store.db", what="not a store")


async def test_without_a_store_nothing_is_locked_and_nothing_is_there() -> None:
    world = World(source=None)
    await world.vault.open_at_start()
    assert world.vault.state is VaultState.NONE
    assert world.vault.slots == ()
    assert world.vault.locked_because is None
    assert world.vault.find(WORK) is None
    assert world.vault.opened is None
    with pytest.raises(LockedError):
        world.vault.require_open()


async def test_a_store_under_a_key_file_opens_at_the_start() -> None:
    world = World(store=MemoryStore(a_grant()))
    await world.vault.open_at_start()
    assert world.vault.state is VaultState.OPEN
    assert world.vault.slots[0].source == "plain"
    assert world.vault.find(WORK) == a_grant()


async def test_a_store_under_a_passphrase_starts_locked_and_says_why() -> None:
    world = a_locked_world()
    await world.vault.open_at_start()
    assert world.vault.state is VaultState.LOCKED
    assert world.vault.locked_because == "a passphrase is needed"
    assert world.vault.slots[0].source == "passphrase"
    with pytest.raises(LockedError, match="a passphrase is needed"):
        world.vault.require_open()
    with pytest.raises(LockedError):
        world.vault.find(WORK)


async def test_the_passphrase_opens_it_and_a_wrong_one_does_not() -> None:
    world = a_locked_world()
    await world.vault.open_at_start()
    with pytest.raises(WrongPassphraseError):
        await world.vault.unlock(Secret("wrong"))
    assert world.vault.opened is None
    right = asyncio.create_task(world.vault.unlock(Secret("correct horse")))
    await world.clock.advance(Seconds(1))
    await right
    assert world.vault.state is VaultState.OPEN
    assert world.vault.locked_because is None
    assert world.grants.get(WORK) == a_grant()


async def test_at_the_start_nobody_is_asked_and_at_unlock_the_person_is() -> None:
    world = a_locked_world()
    await world.vault.open_at_start()
    with pytest.raises(LockedError):
        await world.vault.unlock(None)
    assert world.door.asking == [False, True]


async def test_the_reason_that_is_shown_is_that_of_the_latest_try() -> None:
    world = World(store=MemoryStore(a_grant()))
    for reason in ("there is no D-Bus session here", "the keyring is locked"):
        world.door.fault = LockedError(reason=reason)
        with pytest.raises(LockedError):
            await world.vault.unlock(None)
        assert world.vault.locked_because == reason
    world.door.fault = None
    await world.vault.unlock(None)
    assert world.vault.locked_because is None


async def test_unlocking_an_open_store_does_nothing() -> None:
    world = a_locked_world()
    await world.vault.unlock(Secret("correct horse"))
    tokens = world.tokens
    await world.vault.unlock(Secret("whatever"))
    assert world.tokens is tokens
    assert world.door.opened == 1


async def test_two_who_unlock_at_once_open_the_store_once() -> None:
    world = a_locked_world()
    world.door.gate = asyncio.Event()
    both = [
        asyncio.create_task(world.vault.unlock(Secret("correct horse")))
        for _ in range(2)
    ]
    await run_until_idle()
    world.door.gate.set()
    await asyncio.gather(*both)
    assert world.door.opened == 1


async def test_unlocking_where_there_is_no_store_makes_none() -> None:
    world = World(source=None)
    with pytest.raises(LockedError):
        await world.vault.unlock(Secret("x"))
    assert world.door.opened == 0


async def test_a_corrupt_store_is_told_by_every_request_and_never_replaced() -> None:
    world = World()
    world.door.fault = CORRUPT
    await world.vault.open_at_start()
    assert world.vault.state is VaultState.CORRUPT
    assert world.vault.slots == ()
    for ask in (
        world.vault.require_open,
        lambda: world.vault.find(WORK),
    ):
        with pytest.raises(StoreCorruptError):
            ask()
    with pytest.raises(StoreCorruptError):
        await world.vault.open_for_grant()
    assert world.door.opened == 0


async def test_a_corrupt_store_that_was_mended_opens_at_the_next_unlock() -> None:
    world = World()
    world.door.fault = CORRUPT
    await world.vault.open_at_start()
    world.door.fault = None
    await world.vault.unlock(None)
    assert world.vault.state is VaultState.OPEN


async def test_an_unlock_that_meets_a_corrupt_store_is_what_status_tells() -> None:
    world = a_locked_world()
    await world.vault.open_at_start()
    world.door.fault = CORRUPT
    with pytest.raises(StoreCorruptError):
        await world.vault.unlock(Secret("correct horse"))
    assert world.vault.state is VaultState.CORRUPT


@pytest.mark.parametrize(
    "fault",
    [LockedError(reason="x"), CORRUPT, StoreFailedError(what="input/output error")],
)
async def test_the_daemon_starts_whatever_the_store_says(fault: BrokerError) -> None:
    # One that left would be started again for ever, and nobody would be told why.
    world = World()
    world.door.fault = fault
    await world.vault.open_at_start()
    with pytest.raises((LockedError, StoreCorruptError)) as caught:
        world.vault.require_open()
    assert "no store" not in str(caught.value)


async def test_a_locked_store_that_is_asked_for_ever_takes_no_memory() -> None:
    # An exception that is raised again keeps the frames of every time before.
    world = a_locked_world()
    await world.vault.open_at_start()
    depths = []
    for _ in range(3):
        with pytest.raises(LockedError) as caught:
            world.vault.require_open()
        depths.append(len(caught.traceback))
    assert depths == depths[:1] * 3


async def test_making_a_store_opens_it() -> None:
    world = World(source=None)
    await world.maker.create(NewStore(source="passphrase", passphrase=Secret("p")))
    assert world.vault.state is VaultState.OPEN
    assert world.door.source == "passphrase"


async def test_a_store_is_never_made_over_another() -> None:
    world = World(store=MemoryStore(a_grant()))
    await world.vault.open_at_start()
    with pytest.raises(StoreExistsError):
        await world.maker.create(NewStore(source="plain"))
    assert world.grants.get(WORK) == a_grant()


async def test_a_store_that_cannot_be_made_leaves_none() -> None:
    world = World(source=None)
    with pytest.raises(BadRequestError):
        await world.maker.create(NewStore(source="parchment"))
    assert world.vault.state is VaultState.NONE


async def test_the_first_grant_makes_the_store_and_names_its_key_source() -> None:
    world = World(source=None)
    said = await world.vault.open_for_grant()
    assert said is not None
    assert "plain" in said
    assert "\n" not in said
    assert world.vault.state is VaultState.OPEN
    assert await world.vault.open_for_grant() is None


async def test_two_first_grants_at_once_make_one_store() -> None:
    world = World(source=None)
    world.door.gate = asyncio.Event()
    both = [asyncio.create_task(world.vault.open_for_grant()) for _ in range(2)]
    await run_until_idle()
    world.door.gate.set()
    said = await asyncio.gather(*both)
    assert world.door.opened == 1
    assert sorted(one is None for one in said) == [False, True]


async def test_a_locked_store_takes_no_grant() -> None:
    world = a_locked_world()
    await world.vault.open_at_start()
    with pytest.raises(LockedError):
        await world.vault.open_for_grant()
    assert world.door.opened == 0


async def test_closing_lets_a_refresh_end_before_the_store_goes() -> None:
    world = World(store=MemoryStore(a_grant()))
    await world.vault.open_at_start()
    gate = world.sender.hold()
    world.sender.script(token_answer(refresh_token="refresh-2"))
    tokens = world.tokens
    waiting = asyncio.create_task(tokens.token(tokens.key(WORK, None, None), NONE))
    await run_until_idle()
    closing = asyncio.create_task(world.vault.close())
    await run_until_idle()
    assert not closing.done()
    gate.set()
    await closing
    assert (await waiting).value.reveal() == "access-1"
    assert world.store.grants[WORK].refresh_token == Secret("refresh-2")


async def test_while_the_daemon_stops_nobody_is_told_that_there_is_no_store() -> None:
    world = World(store=MemoryStore(a_grant()))
    await world.vault.open_at_start()
    await world.vault.close()
    with pytest.raises(StoppingError):
        world.vault.require_open()


async def test_closing_twice_or_without_a_store_is_nothing() -> None:
    world = World(source=None)
    await world.vault.close()
    await world.vault.close()
    assert world.vault.state is VaultState.NONE


async def test_a_store_whose_grants_cannot_be_listed_is_not_served() -> None:
    world = World(store=MemoryStore(a_grant()))
    world.store.is_unreadable = True
    with pytest.raises(StoreFailedError):
        await world.vault.unlock(None)
    assert world.vault.opened is None
    assert world.store.is_closed
