"""The doctor, on all services: each state of the store."""

from msgspec.structs import replace

from broker.model.errors import StoreCorruptError, StoreFailedError
from broker.model.finding import Finding, Level, worst
from tests.fakes.store import MemoryStore
from tests.services.world import World, a_grant, a_world


async def examined(world: World, check: str) -> list[Finding]:
    found = await world.doctor.examine()
    return [finding for finding in found if finding.check == check]


async def test_where_all_is_well_nothing_else_is_said() -> None:
    world = await a_world(a_grant())
    assert worst(await world.doctor.examine()) is Level.OK


async def test_before_the_first_store_there_is_no_key_to_speak_of() -> None:
    world = World(source=None)
    (store,) = await examined(world, "store")
    assert store.level is Level.OK
    assert await examined(world, "key-source") == []


async def test_a_locked_store_is_told_with_its_reason() -> None:
    world = World(store=MemoryStore(a_grant()), source="passphrase")
    await world.vault.open_at_start()
    (store,) = await examined(world, "store")
    assert store.level is Level.WARNING
    assert "a passphrase is needed" in store.what
    assert "brokerctl unlock" in str(store.hint)


async def test_a_store_that_cannot_be_read_is_told_with_what_is_wrong() -> None:
    world = World(store=MemoryStore())
    world.door.fault = StoreCorruptError(path="/x/store.db", what="not a store")
    await world.vault.open_at_start()
    (store,) = await examined(world, "store")
    assert store.level is Level.ERROR
    assert "not a store" in store.what


async def test_damaged_pages_are_told() -> None:
    world = await a_world(a_grant())
    world.keys.page_fault = "row 3 missing from index"
    (store,) = await examined(world, "store")
    assert store.level is Level.ERROR
    assert "row 3" in store.what


async def test_an_old_copy_is_told() -> None:
    world = World(store=MemoryStore(a_grant()))
    world.door.found = replace(world.door.found, is_old_copy=True)
    await world.vault.open_at_start()
    (store,) = await examined(world, "store")
    assert store.level is Level.WARNING
    assert "older copy" in store.what


async def test_a_disk_that_fails_while_it_is_looked_at_is_told() -> None:
    world = await a_world(a_grant())
    world.keys.page_fault = StoreFailedError(what="input/output error")
    (store,) = await examined(world, "store")
    assert store.level is Level.ERROR
    assert "input/output error" in store.what


def test_the_worst_finding_is_the_level_of_the_whole() -> None:
    def finding(level: Level) -> Finding:
        return Finding(check="x", level=level, what="x")

    ok, warning, error = map(finding, (Level.OK, Level.WARNING, Level.ERROR))
    assert worst(()) is Level.OK
    assert worst((ok, warning, ok)) is Level.WARNING
    assert worst((warning, error, ok)) is Level.ERROR
