"""The book of restricted sockets."""

import asyncio

import msgspec
import pytest

from broker.model.account import AccountName
from broker.model.errors import (
    BadRequestError,
    LockedError,
    NotPermittedError,
    SocketExistsError,
    SocketUnusableError,
    StoreFailedError,
    UnknownAccountError,
    UnknownSocketError,
)
from broker.model.peer import Peer, Socket
from broker.model.policy import Operation
from broker.model.restriction import Restriction, Runner, SocketName
from broker.model.time import Seconds, UnixTime
from broker.services.gate import Asker
from broker.services.served import TokenWanted
from broker.services.sockets import MOST_SOCKETS
from tests.fakes.clock import START, run_until_idle
from tests.services.world import HOME, WORK, World, a_grant, a_world, token_answer

CI = SocketName("ci")


def a_socket(name: str = "ci", *accounts: AccountName) -> Restriction:
    return Restriction(
        name=SocketName(name), accounts=accounts or (WORK,), made_at=UnixTime(0)
    )


async def restarted(world: World) -> None:
    """The daemon ends and another one starts on the same store."""
    await world.sockets.close()
    await world.vault.close()
    world.doors.open_now.clear()
    world.store.is_closed = False
    world.vault = world.a_vault()
    await world.vault.open_at_start()
    world.sockets = world.a_book_of_sockets()
    await world.sockets.restore(world.vault.require_open())


async def test_a_socket_is_there_until_it_is_removed() -> None:
    world = await a_world(a_grant())
    added = await world.sockets.add(a_socket(), None)
    assert added.record.restriction == world.doors.open_now["ci"]
    assert added.record.restriction.made_at == START.wall
    assert added.path == "/run/brokerd/sockets/ci/broker.sock"
    assert [each.path for each in world.sockets.all()] == [added.path]
    await world.sockets.remove(CI)
    assert world.doors.cut == ["ci"]
    assert world.sockets.all() == []
    with pytest.raises(UnknownSocketError):
        await world.sockets.remove(CI)


async def test_a_socket_outlives_the_daemon() -> None:
    world = await a_world(a_grant())
    await world.sockets.add(a_socket(), Seconds(100))
    before = world.doors.open_now["ci"]
    await restarted(world)
    assert world.doors.open_now == {"ci": before}
    assert world.doors.swept == frozenset({"ci"})


async def test_a_name_is_given_once_and_an_account_must_be_there() -> None:
    world = await a_world(a_grant())
    await world.sockets.add(a_socket(), None)
    with pytest.raises(SocketExistsError):
        await world.sockets.add(a_socket(), None)
    with pytest.raises(UnknownAccountError):
        await world.sockets.add(a_socket("other", WORK, HOME), None)
    assert list(world.doors.open_now) == ["ci"]


async def test_there_is_an_end_to_their_number() -> None:
    world = await a_world(a_grant())
    for number in range(MOST_SOCKETS):
        await world.sockets.add(a_socket(f"s{number}"), None)
    with pytest.raises(BadRequestError):
        await world.sockets.add(a_socket(), None)


async def test_one_that_cannot_be_opened_is_not_made() -> None:
    world = await a_world(a_grant())
    world.doors.unusable.add("ci")
    with pytest.raises(SocketUnusableError):
        await world.sockets.add(a_socket(), None)
    assert world.sockets.all() == []


async def test_one_that_cannot_be_saved_is_closed_again() -> None:
    world = await a_world(a_grant())
    world.store.fail_next_save()
    with pytest.raises(StoreFailedError):
        await world.sockets.add(a_socket(), Seconds(10))
    assert world.doors.open_now == {}
    assert world.clock.sleeping == 0


async def test_a_removal_that_the_disk_refuses_cuts_off_all_the_same() -> None:
    world = await a_world(a_grant())
    await world.sockets.add(a_socket(), None)
    world.store.fail_next_save()
    with pytest.raises(StoreFailedError):
        await world.sockets.remove(CI)
    assert world.doors.open_now == {}
    (listed,) = world.sockets.all()
    assert listed.fault is not None
    await world.sockets.remove(CI)
    assert world.sockets.all() == []


async def test_one_that_cannot_be_opened_after_a_restart_is_kept_and_told() -> None:
    world = await a_world(a_grant())
    await world.sockets.add(a_socket(), None)
    await world.sockets.add(a_socket("other"), None)
    world.doors.unusable.add("ci")
    await restarted(world)
    assert list(world.doors.open_now) == ["other"]
    faults = [
        (each.record.restriction.name, each.fault) for each in world.sockets.all()
    ]
    assert faults == [("ci", "no such folder"), ("other", None)]
    await world.sockets.remove(CI)
    world.doors.unusable.clear()
    added = await world.sockets.add(a_socket(), None)
    assert added.fault is None


# --- its end ---------------------------------------------------------------------


async def test_it_ends_by_itself_and_for_good() -> None:
    world = await a_world(a_grant())
    await world.sockets.add(a_socket(), Seconds(100))
    await world.sockets.add(a_socket("later"), Seconds(200))
    await world.clock.advance(Seconds(99))
    assert world.doors.cut == []
    await world.clock.advance(Seconds(1))
    assert world.doors.cut == ["ci"]
    await restarted(world)
    assert list(world.doors.open_now) == ["later"]
    await world.clock.advance(Seconds(100))
    assert world.doors.open_now == {}
    assert world.store.settings == {}
    ends = [one for one in world.recorder.entries if one.operation == "socket.expired"]
    assert [one.detail for one in ends] == ["ci", "later"]


async def test_one_timer_is_for_the_nearest_end_and_none_where_there_is_no_end() -> (
    None
):
    world = await a_world(a_grant())
    idle = world.clock.sleeping
    await world.sockets.add(a_socket(), None)
    await run_until_idle()
    assert world.clock.sleeping == idle
    for number in range(5):
        await world.sockets.add(a_socket(f"s{number}"), Seconds(500 - number))
    await run_until_idle()
    assert world.clock.sleeping == idle + 1
    for number in range(5):
        await world.sockets.remove(SocketName(f"s{number}"))
    await run_until_idle()
    assert world.clock.sleeping == idle


async def test_its_end_comes_in_a_suspend_and_while_no_daemon_runs() -> None:
    world = await a_world(a_grant())
    await world.sockets.add(a_socket(), Seconds(100))
    await world.sockets.add(a_socket("later"), Seconds(1000))
    await world.clock.suspend(Seconds(150))
    await run_until_idle()
    assert world.doors.cut == ["ci"]
    await world.sockets.close()
    await world.clock.suspend(Seconds(1000))
    await restarted(world)
    assert world.doors.open_now == {}
    assert world.sockets.all() == []
    ends = [one for one in world.recorder.entries if one.operation == "socket.expired"]
    assert [one.detail for one in ends] == ["ci", "later"]


async def test_a_wall_clock_that_is_put_back_gives_no_more_time() -> None:
    world = await a_world(a_grant())
    await world.sockets.add(a_socket(), Seconds(100))
    world.clock.set_wall(UnixTime(START.wall - 5000))
    await world.clock.advance(Seconds(100))
    assert world.doors.open_now == {}


async def test_after_its_end_by_the_wall_clock_nothing_passes() -> None:
    world = await a_world(a_grant())
    world.sender.script(token_answer())
    added = await world.sockets.add(a_socket(), Seconds(100))
    own = added.record.restriction
    door = Socket(name="ci", owner_uid=1000, restriction=own)
    asker = Asker(socket=door, peer=Peer(uid=1000))
    await world.access.token(asker, TokenWanted())
    world.clock.set_wall(UnixTime(START.wall + 100))
    with pytest.raises(NotPermittedError, match="expired"):
        world.access.cached_token(asker, TokenWanted())
    with pytest.raises(NotPermittedError, match="expired"):
        world.access.permit(asker, Operation.ACCOUNTS)


async def test_where_the_disk_refuses_to_forget_it_its_end_is_its_end() -> None:
    world = await a_world(a_grant())
    await world.sockets.add(a_socket(), Seconds(100))
    world.store.fail_next_save()
    await world.clock.advance(Seconds(100))
    assert world.doors.open_now == {}
    await restarted(world)
    assert world.doors.open_now == {}


# --- the store -------------------------------------------------------------------


async def test_while_the_store_is_locked_it_stays_open_and_nothing_is_changed() -> None:
    world = await a_world(a_grant())
    await world.sockets.add(a_socket(), Seconds(100))
    await world.sockets.add(a_socket("keep"), None)
    own = world.doors.open_now["keep"]
    await world.vault.lock()
    assert list(world.doors.open_now) == ["ci", "keep"]
    for deed in (
        world.sockets.add(a_socket("x"), None),
        world.sockets.remove(CI),
    ):
        with pytest.raises(LockedError):
            await deed
    with pytest.raises(LockedError):
        world.sockets.all()
    await world.clock.advance(Seconds(100))
    assert list(world.doors.open_now) == ["keep"]
    world.store.is_closed = False
    await world.vault.unlock(None)
    await world.sockets.restore(world.vault.require_open())
    assert world.doors.open_now == {"keep": own}
    assert len(world.sockets.all()) == 1


async def test_another_store_in_its_place_has_its_own_sockets() -> None:
    world = await a_world(a_grant())
    await world.sockets.add(a_socket(), None)
    await world.sockets.add(a_socket("other"), None)
    world.store.settings.clear()
    await world.vault.lock()
    world.store.is_closed = False
    await world.vault.unlock(None)
    await world.sockets.restore(world.vault.require_open())
    assert world.doors.open_now == {}
    assert world.doors.swept == frozenset()


async def test_of_another_store_the_socket_of_the_same_name_is_opened_anew() -> None:
    world = await a_world(a_grant())
    await world.sockets.add(a_socket(), None)
    world.store.settings.clear()
    await world.vault.lock()
    world.store.is_closed = False
    await world.vault.unlock(None)
    opened = world.vault.require_open()
    narrower = msgspec.structs.replace(a_socket(), scopes=frozenset({"drive"}))
    await opened.sockets.add(narrower)
    await world.sockets.restore(opened)
    assert world.doors.cut == ["ci"]
    assert world.doors.open_now == {"ci": narrower}


async def test_whenever_the_store_opens_somebody_is_told_of_it() -> None:
    world = await a_world(a_grant())
    found = []

    async def heed(opened: object) -> None:
        found.append(opened)

    vault = world.a_vault(when_open=heed)
    await vault.open_at_start()
    assert found == [vault.opened]
    await vault.lock()
    world.store.is_closed = False
    await vault.unlock(None)
    assert found[1:] == [vault.opened]


RUNNER = Runner(pid=4711, started=7)


def a_runners(name: str = "job") -> Restriction:
    return msgspec.structs.replace(a_socket(name), runner=RUNNER)


async def test_a_socket_for_one_process_ends_with_it() -> None:
    world = await a_world(a_grant())
    await world.sockets.add(a_runners(), None)
    await world.sockets.add(a_socket("kept"), None)
    world.processes.end(RUNNER)
    await run_until_idle()
    assert world.doors.cut == ["job"]
    assert [each.record.restriction.name for each in world.sockets.all()] == ["kept"]
    assert [one.detail for one in world.recorder.entries] == ["job"]


async def test_it_is_there_after_a_restart_while_the_process_runs() -> None:
    world = await a_world(a_grant())
    await world.sockets.add(a_runners(), None)
    await restarted(world)
    assert list(world.doors.open_now) == ["job"]
    world.processes.end(RUNNER)
    await run_until_idle()
    assert world.doors.open_now == {}


async def test_a_process_that_ended_while_no_daemon_ran_leaves_no_socket() -> None:
    world = await a_world(a_grant())
    await world.sockets.add(a_runners(), None)
    await world.sockets.close()
    world.processes.end(RUNNER)
    await restarted(world)
    assert world.doors.open_now == {}
    assert world.sockets.all() == []


async def test_one_that_was_removed_before_its_process_ended_ends_no_other() -> None:
    world = await a_world(a_grant())
    await world.sockets.add(a_runners(), None)
    await world.sockets.remove(SocketName("job"))
    assert world.processes.watched == []
    await world.sockets.add(a_socket("job"), None)
    world.processes.end(RUNNER)
    await run_until_idle()
    assert list(world.doors.open_now) == ["job"]


async def test_a_process_that_ends_while_the_store_is_locked_loses_its_socket() -> None:
    world = await a_world(a_grant())
    await world.sockets.add(a_runners(), None)
    await world.vault.lock()
    world.processes.end(RUNNER)
    await run_until_idle()
    assert world.doors.open_now == {}
    world.store.is_closed = False
    await world.vault.unlock(None)
    await world.sockets.restore(world.vault.require_open())
    assert world.sockets.all() == []


async def test_no_end_is_awaited_once_the_daemon_ends() -> None:
    world = await a_world(a_grant())
    await world.sockets.add(a_runners(), None)
    await world.sockets.close()
    assert world.processes.watched == []


async def test_an_end_that_comes_as_another_takes_its_place_is_not_that_ones() -> None:
    world = await a_world(a_grant())
    await world.sockets.add(a_runners(), None)
    async with world.sockets._changing:
        removed = asyncio.create_task(world.sockets.remove(SocketName("job")))
        await run_until_idle()
        made = asyncio.create_task(world.sockets.add(a_socket("job"), None))
        await run_until_idle()
        world.processes.end(RUNNER)
        await run_until_idle()
    await asyncio.gather(removed, made)
    await run_until_idle()
    assert list(world.doors.open_now) == ["job"]
