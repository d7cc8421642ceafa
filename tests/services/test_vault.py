"""The store as the services see it: none, locked, corrupt or open."""

import asyncio
import gc
import weakref

import pytest

from broker.model.errors import (
    BrokerError,
    LockedError,
    StoppingError,
    StoreCorruptError,
    StoreFailedError,
    WrongPassphraseError,
)
from broker.model.event import EventKind
from broker.model.grant import IntentCause
from broker.model.secret import Secret
from broker.model.store import Health, VaultState
from broker.model.time import Seconds
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


async def test_what_is_told_while_it_is_closed_holds_nothing_of_the_try() -> None:
    world = a_locked_world()
    world.door.fault = StoreCorruptError(path="/x/store.db", what="a strange key")
    world.door.fault.__cause__ = ValueError("whose frames hold a key")
    with pytest.raises(StoreCorruptError) as tried:
        await world.vault.unlock(Secret("correct horse"))
    with pytest.raises(StoreCorruptError, match="a strange key") as told:
        world.vault.require_open()
    assert told.value is not tried.value
    assert told.value.__cause__ is told.value.__context__ is None


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


async def test_the_first_grant_makes_the_store_and_names_its_key_source() -> None:
    world = World(source=None)
    assert await world.vault.open_for_grant() == "plain"
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


async def test_closing_names_whose_newest_grant_the_disk_refuses_to_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World(store=MemoryStore(a_grant()))
    await world.vault.open_at_start()
    world.store.fail_next_save(10**6)
    await world.grants.signed_in(a_grant(refresh_token="newer"))
    assert await world.vault.close() == (WORK,)
    assert "grant.lost account=work" in caplog.text
    assert await world.vault.close() == ()


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


# --- slowed, locked, tried again ------------------------------------------------


async def an_open_world(**found: object) -> World:
    world = World(store=MemoryStore(a_grant()))
    if found:
        world.door.found = Health(**found)  # type: ignore[arg-type]
    await world.vault.open_at_start()
    return world


async def test_the_passphrase_after_a_wrong_one_is_looked_at_later() -> None:
    world = a_locked_world()
    for wrong in range(3):
        trying = asyncio.create_task(world.vault.unlock(Secret("wrong")), name="try")
        await world.clock.advance(Seconds(0.1 * 2**wrong))
        with pytest.raises(WrongPassphraseError):
            await trying
    right = asyncio.create_task(world.vault.unlock(Secret("correct horse")), name="try")
    await world.clock.advance(Seconds(0.3))
    assert not right.done()
    await world.clock.advance(Seconds(0.2))
    await right
    await world.vault.lock()
    await world.vault.unlock(Secret("correct horse"))  # at once
    await world.vault.close()


async def test_nobody_else_waits_for_a_passphrase_that_is_slowed() -> None:
    world = a_locked_world()
    with pytest.raises(WrongPassphraseError):
        await world.vault.unlock(Secret("wrong"))
    trying = asyncio.create_task(world.vault.unlock(Secret("wrong")), name="try")
    locking = asyncio.create_task(world.vault.lock(), name="lock")
    await run_until_idle()
    assert locking.done()
    assert not trying.done()
    trying.cancel()


async def test_a_lock_waits_for_what_must_not_be_left_half_done() -> None:
    world = await an_open_world()
    async with world.vault.held_open() as opened:
        locking = asyncio.create_task(world.vault.lock(), name="lock")
        await run_until_idle()
        assert world.vault.opened is opened
        late = asyncio.create_task(hold(world), name="late")
        await run_until_idle()
        assert not late.done()
    await locking
    with pytest.raises(LockedError, match="by hand"):
        await late
    assert world.store.is_closed


async def hold(world: World) -> None:
    async with world.vault.held_open():
        pass


async def test_a_locked_store_holds_no_key_no_grant_and_no_token() -> None:
    world = await an_open_world()
    world.sender.script(token_answer())
    tokens = world.tokens
    await tokens.token(tokens.key(WORK, None, None), NONE)
    grants = world.grants
    await world.vault.lock()
    assert world.vault.state is VaultState.LOCKED
    assert world.vault.locked_because == "it was locked by hand"
    assert world.vault.opened is None
    assert world.store.is_closed
    assert grants.all() == []
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert world.clock.sleeping == 0
    with pytest.raises(LockedError, match="locked by hand"):
        world.vault.require_open()


class Frames:
    """What holds itself, as the frames of an exception do, and a grant with it."""

    def __init__(self) -> None:
        self.itself = self


async def test_a_lock_frees_what_only_holds_itself_however_long_it_was_there() -> None:
    world = await an_open_world()
    left = weakref.ref(Frames())
    gc.freeze()  # as when the daemon has started, and when all has been read
    await world.vault.lock()
    assert left() is None


async def test_what_was_locked_by_hand_stays_locked_until_somebody_unlocks_it() -> None:
    world = await an_open_world()
    await world.vault.lock()
    for _ in range(10):
        with pytest.raises(LockedError):
            world.vault.require_open()
        await world.clock.advance(Seconds(60))
    assert world.door.opened == 1
    await world.vault.unlock(None)
    assert world.grants.get(WORK) == a_grant()
    await world.vault.close()


async def test_locking_forgets_what_the_next_daemon_could_have_opened_it_with() -> None:
    world = await an_open_world()
    await world.vault.unlock(None, remember=600)
    assert world.door.remembered == 600
    await world.vault.lock()
    assert world.door.remembered is None


async def test_locking_what_is_locked_is_fine_and_where_no_store_is_is_told() -> None:
    world = a_locked_world()
    await world.vault.open_at_start()
    await world.vault.lock()
    assert world.vault.locked_because == "it was locked by hand"
    with pytest.raises(LockedError, match="no store"):
        await World(source=None).vault.lock()


async def test_a_store_with_unsaved_grants_is_not_locked() -> None:
    world = await an_open_world()
    world.store.fail_next_save(10**6)
    saved = await world.grants.signed_in(a_grant(refresh_token="newer"))
    with pytest.raises(StoreFailedError, match="work"):
        await world.vault.lock()
    assert world.vault.state is VaultState.OPEN
    assert world.grants.get(WORK) == saved
    world.store.mend()
    await world.vault.lock()
    assert world.store.grants[WORK] == saved


async def test_a_refresh_whose_token_the_disk_refuses_while_it_is_locked_is_kept() -> (
    None
):
    world = await an_open_world()
    gate = world.sender.hold()
    world.sender.script(token_answer(refresh_token="newer"))
    tokens = world.tokens
    asking = tokens.token(tokens.key(WORK, None, None), NONE)
    waiting = asyncio.create_task(asking, name="peer")
    await run_until_idle()
    locking = asyncio.create_task(world.vault.lock(), name="lock")
    await run_until_idle()
    world.store.fail_next_save(10**6)
    gate.set()
    await waiting
    with pytest.raises(StoreFailedError, match="work"):
        await locking
    assert world.grants.get(WORK).refresh_token == Secret("newer")
    world.store.mend()
    await world.vault.close()
    assert world.store.grants[WORK].refresh_token == Secret("newer")


async def test_a_store_that_nobody_uses_is_locked_by_choice_and_not_while_unsaved() -> (
    None
):
    world = World(store=MemoryStore(a_grant()))
    world.vault = world.a_vault(lock_after_idle=Seconds(600))
    await world.vault.open_at_start()
    await world.clock.advance(Seconds(599))
    world.vault.used()
    await world.clock.advance(Seconds(599))
    assert world.vault.state is VaultState.OPEN
    world.store.fail_next_save(10**6)
    await world.grants.signed_in(a_grant())
    await world.clock.advance(Seconds(10))
    assert world.vault.state is VaultState.OPEN
    world.store.mend()
    await world.clock.advance(Seconds(700))
    assert world.vault.locked_because == "nobody has used it for a while"
    assert world.clock.sleeping == 0


async def test_a_key_that_comes_later_opens_the_store_by_itself() -> None:
    world = World(store=MemoryStore(a_grant()))
    world.door.fault = LockedError(reason="the keyring is locked")
    await world.vault.open_at_start()
    await world.clock.advance(Seconds(100))
    assert world.vault.opened is None
    world.door.fault = None
    with pytest.raises(LockedError):  # whoever is told has it looked at
        world.vault.require_open()
    await world.clock.advance(Seconds(1))
    assert world.vault.state is VaultState.OPEN
    assert set(world.door.asking) == {False}
    assert world.clock.sleeping == 0
    await world.vault.close()


@pytest.mark.parametrize("fault", [CORRUPT, StoreFailedError(what="no such device")])
async def test_a_file_that_is_mended_later_is_opened_by_itself(
    fault: BrokerError,
) -> None:
    world = World(store=MemoryStore(a_grant()))
    world.door.fault = fault
    await world.vault.open_at_start()
    await world.clock.advance(Seconds(60))
    world.door.fault = None
    await world.clock.advance(Seconds(32))
    assert world.vault.state is VaultState.OPEN
    await world.vault.close()


async def test_a_store_that_does_not_say_how_it_opens_is_tried_again() -> None:
    # As while another program has it, and is in the midst of writing.
    world = World(store=MemoryStore(a_grant()))
    world.door.fault = LockedError(reason="another program has the store open")
    world.door.slots_fault = CORRUPT
    await world.vault.open_at_start()
    world.door.fault = world.door.slots_fault = None
    await world.clock.advance(Seconds(1))
    assert world.vault.state is VaultState.OPEN
    await world.vault.close()


async def test_what_only_the_person_can_open_is_not_tried_again_and_again() -> None:
    world = a_locked_world()
    await world.vault.open_at_start()
    await world.clock.advance(Seconds(600))
    assert world.door.asking == [False]
    assert world.clock.sleeping == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_whoever_unlocks_locks_or_closes_ends_the_tries() -> None:
    for deed in ("unlock", "lock", "close"):
        world = World(store=MemoryStore(a_grant()))
        world.door.fault = LockedError(reason="the keyring is locked")
        await world.vault.open_at_start()
        await world.clock.advance(Seconds(5))
        world.door.fault = None
        deeds = {
            "unlock": lambda vault: vault.unlock(None),
            "lock": lambda vault: vault.lock(),
            "close": lambda vault: vault.close(),
        }
        await deeds[deed](world.vault)
        tried = len(world.door.asking)
        await world.clock.advance(Seconds(600))
        assert len(world.door.asking) == tried, deed
        await world.vault.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}, deed


async def test_an_unlock_that_is_done_after_the_end_leaves_nothing_open() -> None:
    world = a_locked_world()
    world.door.gate = asyncio.Event()
    late = asyncio.create_task(world.vault.unlock(Secret("correct horse")), name="late")
    await run_until_idle()
    world.vault.begin_to_close()
    await world.vault.close()
    world.door.gate.set()
    with pytest.raises(StoppingError):
        await late
    assert world.vault.opened is None
    assert world.store.is_closed
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_no_task_and_no_timer_is_left_after_the_end() -> None:
    world = World(store=MemoryStore(a_grant()))
    world.vault = world.a_vault(lock_after_idle=Seconds(600))
    await world.vault.open_at_start()
    world.sender.script(token_answer())
    await world.tokens.token(world.tokens.key(WORK, None, None), NONE)
    await world.vault.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert world.clock.sleeping == 0


async def test_an_older_copy_marks_every_grant_and_status_says_so() -> None:
    world = await an_open_world(generation=3, remembered=7, is_old_copy=True)
    assert world.vault.health is not None
    assert world.vault.health.is_old_copy
    intent = world.store.grants[WORK].intent
    assert intent is not None
    assert intent.cause is IntentCause.RESTORE
    assert world.sender.requests == []
    await world.vault.close()


async def test_opening_and_locking_are_told_to_whoever_listens() -> None:
    world = World(store=MemoryStore(a_grant()))
    with world.events.subscribe() as heard:
        await world.vault.open_at_start()
        await world.vault.lock()
        kinds = [(event.kind, event.reason) for event in heard._events]
    assert kinds == [
        (EventKind.UNLOCKED, None),
        (EventKind.LOCKED, "it was locked by hand"),
    ]
