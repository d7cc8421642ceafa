"""A store is made, new or from a backup; what was there is set aside."""

import asyncio

import pytest

from broker.model.errors import (
    BackupInvalidError,
    BadRequestError,
    KeySourceUnavailableError,
    LockedError,
    StoreExistsError,
    StoreFailedError,
    WrongPassphraseError,
)
from broker.model.secret import Secret
from broker.model.store import VaultState
from broker.model.time import Seconds
from broker.services.store_making import NewStore
from tests.fakes.clock import run_until_idle
from tests.fakes.store import MemoryStore
from tests.services.door import BACKUP
from tests.services.world import WORK, World, a_grant

HORSE = Secret("horse")
PLAIN = NewStore(source="plain")
IN_ITS_PLACE = NewStore(source="plain", set_aside=True)
NO_KEYRING = KeySourceUnavailableError(source="plain", reason="there is no keyring")


async def an_open_world() -> World:
    world = World(store=MemoryStore(a_grant()))
    await world.vault.open_at_start()
    return world


async def a_locked_world() -> World:
    world = await an_open_world()
    await world.vault.lock()
    return world


# --- new ------------------------------------------------------------------------


async def test_making_a_store_opens_it() -> None:
    world = World(source=None)
    new = NewStore(source="passphrase", passphrase=Secret("p"))
    assert await world.maker.create(new) is None
    assert world.vault.state is VaultState.OPEN
    assert world.door.source == "passphrase"


@pytest.mark.parametrize("new", [PLAIN, IN_ITS_PLACE])
async def test_a_store_is_never_made_over_one_that_is_open(new: NewStore) -> None:
    world = await an_open_world()
    with pytest.raises(StoreExistsError):
        await world.maker.create(new)
    assert world.grants.get(WORK) == a_grant()
    assert world.door.set_aside_as == {}


async def test_a_locked_store_is_set_aside_only_if_that_is_asked_for() -> None:
    world = await a_locked_world()
    with pytest.raises(StoreExistsError):
        await world.maker.create(PLAIN)
    assert world.vault.opened is None
    assert await world.maker.create(IN_ITS_PLACE) == "store.db.aside"
    assert world.vault.state is VaultState.OPEN
    assert world.door.set_aside_as == {"store.db.aside": "plain"}


async def test_a_store_that_cannot_be_made_leaves_none() -> None:
    world = World(source=None)
    with pytest.raises(BadRequestError):
        await world.maker.create(NewStore(source="parchment"))
    assert world.vault.state is VaultState.NONE


async def test_a_store_that_cannot_be_made_leaves_the_older_one_where_it_was() -> None:
    world = await a_locked_world()
    world.door.fault = NO_KEYRING
    with pytest.raises(KeySourceUnavailableError):
        await world.maker.create(IN_ITS_PLACE)
    assert world.door.set_aside_as == {}
    world.door.fault = None
    await world.vault.unlock(None)
    assert world.grants.get(WORK) == a_grant()


async def test_a_making_that_nobody_waits_for_leaves_the_older_one_where_it_was() -> (
    None
):
    world = await a_locked_world()
    world.door.gate = asyncio.Event()
    making = asyncio.create_task(world.maker.create(IN_ITS_PLACE), name="make")
    await run_until_idle()
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert world.door.exists()
    assert world.door.set_aside_as == {}


# --- from a backup --------------------------------------------------------------


async def test_a_backup_becomes_the_store_where_there_is_none() -> None:
    world = World(source=None)
    assert await world.maker.restore(BACKUP, HORSE, PLAIN) is None
    assert world.vault.state is VaultState.OPEN


async def test_an_open_store_makes_room_only_if_that_is_asked_for() -> None:
    world = await an_open_world()
    with pytest.raises(StoreExistsError):
        await world.maker.restore(BACKUP, HORSE, PLAIN)
    assert world.vault.state is VaultState.OPEN
    assert await world.maker.restore(BACKUP, HORSE, IN_ITS_PLACE) == "store.db.aside"
    assert world.vault.state is VaultState.OPEN
    assert world.vault.locked_because is None


@pytest.mark.parametrize(
    ("backup", "passphrase", "error"),
    [
        (b"no backup", HORSE, BackupInvalidError),
        (BACKUP, Secret("mule"), WrongPassphraseError),
    ],
)
async def test_a_backup_that_does_not_open_disturbs_nobody(
    backup: bytes,
    passphrase: Secret,
    error: type[Exception],
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = await an_open_world()
    opened = world.vault.opened
    with pytest.raises(error):
        await world.maker.restore(backup, passphrase, IN_ITS_PLACE)
    assert world.vault.opened is opened
    assert world.door.set_aside_as == {}
    assert "set_aside" not in caplog.text


async def test_a_store_with_unsaved_grants_makes_room_for_nothing() -> None:
    world = await an_open_world()
    world.store.fail_next_save(10**6)
    await world.grants.signed_in(a_grant())
    with pytest.raises(StoreFailedError, match="work"):
        await world.maker.restore(BACKUP, HORSE, IN_ITS_PLACE)
    assert world.vault.state is VaultState.OPEN
    world.store.mend()
    await world.vault.close()


async def test_a_restore_that_fails_leaves_the_store_open_as_it_was() -> None:
    world = await an_open_world()
    world.door.restore_fault = NO_KEYRING
    with pytest.raises(KeySourceUnavailableError):
        await world.maker.restore(BACKUP, HORSE, IN_ITS_PLACE)
    assert world.vault.state is VaultState.OPEN
    assert world.grants.get(WORK) == a_grant()
    await world.vault.close()


async def test_a_restore_that_fails_says_what_is_needed_to_open_the_store_again() -> (
    None
):
    world = World(store=MemoryStore(a_grant()), source="passphrase")
    world.door.passphrase = "mule"
    await world.vault.unlock(Secret("mule"))
    world.door.restore_fault = NO_KEYRING
    with pytest.raises(KeySourceUnavailableError):
        await world.maker.restore(BACKUP, HORSE, IN_ITS_PLACE)
    assert world.vault.locked_because == "a passphrase is needed"
    await world.vault.unlock(Secret("mule"))
    assert world.grants.get(WORK) == a_grant()
    await world.vault.close()


async def test_a_restore_that_fails_leaves_a_locked_store_locked() -> None:
    world = await a_locked_world()
    world.door.restore_fault = NO_KEYRING
    with pytest.raises(KeySourceUnavailableError):
        await world.maker.restore(BACKUP, HORSE, IN_ITS_PLACE)
    await world.clock.advance(Seconds(600))
    with pytest.raises(LockedError):
        world.vault.require_open()
    assert world.door.exists()


async def test_a_restored_store_that_cannot_be_read_says_so_and_tries_again() -> None:
    world = await an_open_world()
    world.store.is_unreadable = True
    with pytest.raises(StoreFailedError):
        await world.maker.restore(BACKUP, HORSE, IN_ITS_PLACE)
    assert world.vault.locked_because == "it cannot be opened: input/output error"
    world.store.is_unreadable = False
    await world.clock.advance(Seconds(1))
    assert world.grants.get(WORK) == a_grant()
    await world.vault.close()
