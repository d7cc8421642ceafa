"""The restricted sockets of a store: sealed, and none where they cannot be read."""

import asyncio

import msgspec
import pytest

from broker.model.errors import NotPermittedError, StoreFailedError
from broker.model.policy import Operation
from broker.model.restriction import Confirm, Rate, Restriction, SocketName
from broker.model.time import Seconds, UnixTime
from broker.services.socket_records import SocketRecord, SocketRecords
from tests.fakes.store import MemoryStore
from tests.services.world import HOME, WORK

CI = Restriction(name=SocketName("ci"), accounts=(WORK,), made_at=UnixTime(1))
FULL = Restriction(
    name=SocketName("full"),
    accounts=(WORK, HOME),
    made_at=UnixTime(2),
    scopes=frozenset({"a"}),
    resource="https://api.example",
    max_ttl=Seconds(60),
    operations=frozenset({Operation.TOKEN, Operation.LOGIN}),
    rate=Rate(most=60, seconds=Seconds(60)),
    expires_at=UnixTime(99),
    uses=2,
    confirm=Confirm.FIRST,
    group="builders",
    path="/srv/s/broker.sock",
)


async def records_on(store: MemoryStore, *, is_old_copy: bool = False) -> SocketRecords:
    records = SocketRecords(store)
    await records.load(is_old_copy=is_old_copy)
    return records


async def test_what_a_socket_is_for_outlives_the_daemon() -> None:
    store = MemoryStore()
    records = await records_on(store)
    await records.add(FULL)
    await records.add(CI)
    await records.use(FULL)
    again = await records_on(store)
    assert again.all() == (
        SocketRecord(restriction=FULL, used=1),
        SocketRecord(restriction=CI),
    )
    await again.remove([FULL.name, CI.name])
    assert store.settings == {}


async def test_what_could_not_be_saved_has_not_happened() -> None:
    store = MemoryStore()
    records = await records_on(store)
    store.fail_next_save()
    with pytest.raises(StoreFailedError):
        await records.add(CI)
    assert records.all() == ()
    await records.add(CI)
    store.fail_next_save()
    with pytest.raises(StoreFailedError):
        await records.remove([CI.name])
    assert records.find(CI.name) == SocketRecord(restriction=CI)


@pytest.mark.parametrize("text", [None, "{", "[{}]", '[{"restriction":{"name":1}}]'])
async def test_of_what_cannot_be_read_no_socket_opens_until_another_is_made(
    text: str | None,
) -> None:
    store = MemoryStore()
    if text is None:
        store.damaged_settings.add("sockets")
    else:
        store.settings["sockets"] = text
    records = await records_on(store)
    assert records.is_damaged
    assert records.all() == ()
    await records.add(CI)
    assert not records.is_damaged
    assert (await records_on(store)).all() == (SocketRecord(restriction=CI),)


async def test_of_an_older_copy_of_the_store_none_comes_back() -> None:
    store = MemoryStore()
    await (await records_on(store)).add(CI)
    assert (await records_on(store, is_old_copy=True)).all() == ()
    assert (await records_on(store)).all() == ()


async def test_two_that_use_the_last_at_once_are_one_too_many() -> None:
    store = MemoryStore()
    records = await records_on(store)
    await records.add(FULL)
    uses = [records.use(FULL) for _ in range(3)]
    ended = await asyncio.gather(*uses, return_exceptions=True)
    assert [type(one) for one in ended] == [type(None), type(None), NotPermittedError]
    (record,) = (await records_on(store)).all()
    assert record.used == 2


async def test_a_use_that_the_disk_refused_counts_all_the_same() -> None:
    store = MemoryStore()
    records = await records_on(store)
    await records.add(FULL)
    store.fail_next_save()
    with pytest.raises(StoreFailedError):
        await records.use(FULL)
    await records.use(FULL)
    with pytest.raises(NotPermittedError):
        await records.use(FULL)


async def test_a_socket_that_was_made_anew_is_another_one() -> None:
    records = await records_on(MemoryStore())
    await records.add(msgspec.structs.replace(FULL, made_at=UnixTime(3)))
    with pytest.raises(NotPermittedError, match="gone"):
        await records.use(FULL)


@pytest.mark.parametrize("use_first", [True, False])
async def test_a_use_and_a_new_socket_at_once_are_both_saved(
    *, use_first: bool
) -> None:
    store = MemoryStore()
    records = await records_on(store)
    await records.add(FULL)
    store.gate = asyncio.Event()
    deeds = [records.use(FULL), records.add(CI)]
    both = asyncio.gather(*(deeds if use_first else reversed(deeds)))
    await asyncio.sleep(0)
    store.gate.set()
    await both
    found = (await records_on(store)).all()
    assert [(each.restriction.name, each.used) for each in found] == [
        ("full", 1),
        ("ci", 0),
    ]
