"""What there is while the store is open."""

import asyncio
import gc
from itertools import pairwise

import pytest
from msgspec.structs import replace

from broker.model.account import AccountName
from broker.model.errors import (
    BrokerError,
    IssuerUnreachableError,
    LoginRequiredError,
    RefreshRefusedError,
    StoreFailedError,
)
from broker.model.grant import Grant, GrantState, Intent, IntentCause
from broker.model.http import HttpResponse
from broker.model.secret import Secret
from broker.model.store import Health
from broker.model.time import Seconds, UnixTime
from broker.services.events import Events
from broker.services.opened import READ_AT_ONCE, Opened, opened
from broker.services.opened import World as Around
from broker.services.token_cache import TokenKey
from tests.fakes.clock import START, FakeClock, run_until_idle
from tests.fakes.recorder import FakeRecorder
from tests.fakes.sender import FakeSender
from tests.fakes.store import MemoryStore
from tests.services.world import HOME, ISSUER, WORK, a_grant, refusal, token_answer

ALL = TokenKey(account=WORK, scopes=None, resource=None)
NONE = Seconds(0)
OLD_COPY = Health(generation=3, remembered=7, is_old_copy=True)
REFRESHING = Intent(since=UnixTime(5))
RESTORED = Intent(since=UnixTime(5), cause=IntentCause.RESTORE)
UNSENT = IssuerUnreachableError(issuer=ISSUER.url, what="no connection", sent=False)
SENT = IssuerUnreachableError(issuer=ISSUER.url, what="cut off", sent=True)


class Rig:
    """The services of a daemon that has just opened a store of these grants."""

    def __init__(self, *grants: Grant) -> None:
        self.store, self.sender = MemoryStore(*grants), FakeSender()
        self.clock = FakeClock()

    async def open(self, health: Health | None = None) -> Opened:
        around = Around(
            sender=self.sender,
            clock=self.clock,
            events=Events(),
            recorder=FakeRecorder(),
        )
        return await opened(self.store, health, around)

    async def recovered(self) -> Opened:
        """Open, and done with what a crash has cut off."""
        made = await self.open()
        made.begin()
        await made.tokens.settle()
        return made


def find_task(name: str) -> asyncio.Task[object] | None:
    named = [task for task in asyncio.all_tasks() if task.get_name() == name]
    return named[0] if named else None


def refreshing(grant: Grant) -> Grant:
    return replace(grant, intent=REFRESHING)


# --- what a crash cut off -------------------------------------------------------


async def test_each_refresh_that_was_cut_off_is_tried_once_with_its_own_token() -> None:
    home = a_grant(HOME, refresh_token="of-home")
    untouched = a_grant(WORK)
    rig = Rig(refreshing(home), untouched)
    rig.sender.script(token_answer(refresh_token="newer"))
    made = await rig.recovered()
    assert len(rig.sender.requests) == 1
    assert rig.sender.form()["refresh_token"] == "of-home"
    assert rig.store.grants[HOME].refresh_token == Secret("newer")
    assert rig.store.grants[HOME].intent is None
    assert rig.store.grants[WORK] == untouched
    await made.close()


async def test_what_a_crash_cut_off_does_not_keep_anybody_waiting() -> None:
    rig = Rig(refreshing(a_grant()))
    gate = rig.sender.hold()
    rig.sender.script(token_answer())
    made = await rig.open()
    made.begin()
    await run_until_idle()
    # Whoever asks joins what is under way already.
    waiting = asyncio.create_task(made.tokens.token(ALL, NONE), name="peer")
    await run_until_idle()
    gate.set()
    assert (await waiting).value.reveal() == "access-1"
    assert len(rig.sender.requests) == 1
    await made.close()


async def test_what_was_put_back_waits_until_it_is_asked_for() -> None:
    rig = Rig(replace(a_grant(), intent=RESTORED))
    made = await rig.recovered()
    assert rig.sender.requests == []
    rig.sender.script(token_answer(refresh_token="newer"))
    await made.tokens.token(ALL, NONE)
    assert rig.store.grants[WORK].intent is None
    await made.close()


@pytest.mark.parametrize("intent", [REFRESHING, RESTORED])
async def test_a_refresh_token_that_was_spent_unseen_is_told_as_a_lost_rotation(
    intent: Intent,
) -> None:
    rig = Rig(replace(a_grant(), intent=intent))
    rig.sender.answer_always(refusal("invalid_grant"))
    made = await rig.recovered()
    if intent.cause is IntentCause.RESTORE:
        await asyncio.gather(made.tokens.token(ALL, NONE), return_exceptions=True)
    with pytest.raises(LoginRequiredError) as caught:
        made.tokens.key(WORK, None, None)
    assert caught.value.reason.startswith("rotation lost: ")
    assert "seems" in caught.value.reason  # a guess of ours
    assert "invalid_grant" in caught.value.reason
    dead = rig.store.grants[WORK]
    assert dead.state is GrantState.DEAD
    assert dead.ended_because is not None
    assert dead.ended_because.startswith("rotation lost: ")
    # Nothing is deleted, and nothing more is sent.
    assert dead.refresh_token == a_grant().refresh_token
    assert len(rig.sender.requests) == 1
    await made.close()


async def test_a_refusal_without_an_older_intent_is_no_lost_rotation() -> None:
    rig = Rig(a_grant())
    rig.sender.script(refusal("invalid_grant"))
    made = await rig.open()
    with pytest.raises(LoginRequiredError) as caught:
        await made.tokens.token(ALL, NONE)
    assert "rotation lost" not in caught.value.reason
    await made.close()


@pytest.mark.parametrize(
    ("standing", "error", "left"),
    [
        (None, UNSENT, None),
        (None, SENT, Intent(since=START.wall)),
        (REFRESHING, UNSENT, REFRESHING),
        (REFRESHING, SENT, REFRESHING),
        (RESTORED, UNSENT, RESTORED),
        (RESTORED, SENT, RESTORED),
    ],
)
async def test_a_failure_clears_its_own_intent_if_nothing_was_sent_and_no_older_one(
    standing: Intent | None, error: IssuerUnreachableError, left: Intent | None
) -> None:
    rig = Rig(replace(a_grant(), intent=standing))
    rig.sender.script(error)
    made = await rig.open()
    with pytest.raises(IssuerUnreachableError):
        await made.tokens.token(ALL, NONE)
    assert rig.store.grants[WORK].intent == left
    assert made.grants.get(WORK).intent == left
    await made.close()


async def test_an_answer_that_says_nothing_of_the_token_leaves_an_old_intent() -> None:
    rig = Rig(refreshing(a_grant()))
    rig.sender.script(refusal("unauthorized_client"))
    made = await rig.recovered()
    assert rig.store.grants[WORK].intent == REFRESHING
    assert rig.store.grants[WORK].state is GrantState.LIVE
    await made.close()


async def test_a_refusal_that_is_an_answer_clears_our_own_intent() -> None:
    rig = Rig(a_grant())
    rig.sender.script(refusal("unsupported_grant_type"))
    made = await rig.open()
    with pytest.raises(RefreshRefusedError):
        await made.tokens.token(ALL, NONE)
    assert rig.store.grants[WORK].intent is None
    await made.close()


@pytest.mark.parametrize("status", [200, 503])
async def test_what_is_no_answer_may_have_spent_the_token_and_leaves_the_intent(
    status: int,
) -> None:
    rig = Rig(a_grant())
    rig.sender.script(HttpResponse(status=status, body=b"<!doctype html>"))
    made = await rig.open()
    with pytest.raises(BrokerError):
        await made.tokens.token(ALL, NONE)
    assert rig.store.grants[WORK].intent == Intent(since=START.wall)
    await made.close()


# --- many accounts ----------------------------------------------------------------

MANY = [AccountName(f"account-{number}") for number in range(3 * READ_AT_ONCE)]


async def test_many_grants_are_read_by_themselves_a_few_at_a_time() -> None:
    rig = Rig(*map(a_grant, MANY))
    made = await rig.open()
    read = [len(rig.store.listed)]
    made.begin()
    while (reading := find_task("read grants")) and not reading.done():
        read.append(len(rig.store.listed))
        await asyncio.sleep(0)
    taken = [before - after for before, after in pairwise(read)]
    assert sum(taken) == len(MANY)
    assert max(taken) == READ_AT_ONCE
    await made.close()


async def test_no_account_waits_until_the_others_have_been_read() -> None:
    rig = Rig(*map(a_grant, MANY))
    rig.sender.script(token_answer())
    made = await rig.open()
    key = made.tokens.key(MANY[100], None, None)
    await made.tokens.token(key, NONE)
    assert len(rig.store.listed) == len(MANY) - 1
    await made.close()


async def test_a_refresh_that_was_cut_off_is_tried_however_late_it_is_read() -> None:
    rig = Rig(*map(a_grant, MANY[1:]))
    # What was put in first comes last.
    rig.store.grants = {MANY[0]: refreshing(a_grant(MANY[0])), **rig.store.grants}
    rig.sender.script(token_answer(refresh_token="newer"))
    made = await rig.open()
    made.begin()
    assert rig.sender.requests == []
    await run_until_idle()
    assert rig.store.grants[MANY[0]].refresh_token == Secret("newer")
    await made.close()


async def test_a_refresh_that_a_peer_has_made_meanwhile_is_not_tried_again() -> None:
    rig = Rig(refreshing(a_grant()))
    rig.sender.script(token_answer(refresh_token="newer"))
    made = await rig.open()
    await made.tokens.token(made.tokens.key(WORK, None, None), NONE)
    made.begin()
    await made.tokens.settle()
    assert len(rig.sender.requests) == 1
    await made.close()


async def test_an_issuer_that_is_down_does_not_end_the_reading() -> None:
    rig = Rig(*(refreshing(a_grant(name)) for name in MANY))
    rig.sender.answer_always(UNSENT)
    made = await rig.open()
    made.begin()
    await run_until_idle()
    assert len(rig.store.listed) == 0
    assert 0 < len(rig.sender.requests) < len(MANY)
    await made.close()


async def test_who_wants_to_know_of_all_waits_and_nobody_else_does() -> None:
    rig = Rig(*map(a_grant, MANY))
    made = await rig.open()
    made.begin()
    waiting = asyncio.create_task(made.read_through(), name="status")
    await asyncio.sleep(0)
    assert 0 < len(rig.store.listed) < len(MANY)
    assert not waiting.done()
    await waiting
    assert len(rig.store.listed) == 0
    await made.close()


async def test_closing_while_somebody_waits_for_all_ends_the_wait() -> None:
    rig = Rig(*map(a_grant, MANY))
    made = await rig.open()
    made.begin()
    waiting = asyncio.create_task(made.read_through(), name="status")
    await asyncio.sleep(0)
    await made.close()
    await waiting
    assert len(rig.store.listed) > 0


async def test_closing_ends_the_reading() -> None:
    rig = Rig(*map(a_grant, MANY))
    made = await rig.open()
    made.begin()
    await made.close()
    assert len(rig.store.listed) == len(MANY) - READ_AT_ONCE
    assert gc.isenabled()


async def test_garbage_is_looked_for_again_when_all_has_been_read() -> None:
    rig = Rig(*map(a_grant, MANY))
    made = await rig.open()
    made.begin()
    await run_until_idle()
    assert gc.isenabled()
    await made.close()


# --- an older copy --------------------------------------------------------------


async def test_every_grant_of_an_older_copy_is_marked_before_anybody_is_served(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = Rig(a_grant(), refreshing(a_grant(HOME)))
    made = await rig.open(OLD_COPY)
    mark = Intent(since=START.wall, cause=IntentCause.RESTORE)
    assert {grant.intent for grant in rig.store.grants.values()} == {mark}
    assert "store.old_copy generation=3" in caplog.text
    made.begin()
    await made.tokens.settle()
    assert rig.sender.requests == []
    await made.close()


async def test_an_older_copy_brings_no_answer_back_that_was_revoked() -> None:
    rig = Rig(a_grant())
    rig.store.settings["consents"] = "[]"
    await (await rig.open(Health(generation=3, remembered=3))).close()
    assert "consents" in rig.store.settings
    rig.store.is_closed = False
    await (await rig.open(OLD_COPY)).close()
    assert "consents" not in rig.store.settings


@pytest.mark.parametrize("remembered", [None, 3, 2])
async def test_a_store_that_is_no_older_copy_is_left_as_it_is(
    remembered: int | None,
) -> None:
    rig = Rig(a_grant())
    made = await rig.open(Health(generation=3, remembered=remembered))
    assert rig.store.grants[WORK] == a_grant()
    await made.close()


async def test_marks_that_the_disk_refuses_are_saved_later() -> None:
    rig = Rig(a_grant())
    rig.store.fail_next_save()
    made = await rig.open(OLD_COPY)
    assert made.degraded is not None
    await rig.clock.advance(Seconds(1))
    assert made.degraded is None
    assert rig.store.grants[WORK].intent is not None
    await made.close()


# --- the end --------------------------------------------------------------------


async def test_a_store_that_cannot_be_read_is_closed_again() -> None:
    rig = Rig(a_grant())
    rig.store.is_unreadable = True
    with pytest.raises(StoreFailedError):
        await rig.open()
    assert rig.store.is_closed


async def test_an_opening_that_nobody_waits_for_any_more_closes_the_store() -> None:
    # Otherwise nobody could open it until the daemon ends.
    rig = Rig(a_grant())
    rig.store.load_gate = asyncio.Event()
    opening = asyncio.create_task(rig.open(), name="open")
    await run_until_idle()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert rig.store.is_closed


async def test_nothing_runs_on_when_it_is_closed() -> None:
    rig = Rig(a_grant())
    rig.sender.answer_always(token_answer(refresh_token="newer"))
    made = await rig.open()
    await made.tokens.token(ALL, NONE)
    rig.store.fail_next_save()
    await made.grants.signed_in(a_grant(HOME))
    await run_until_idle()
    await made.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert rig.clock.sleeping == 0
    assert rig.store.is_closed
    assert set(rig.store.grants) == {HOME, WORK}
    assert made.grants.all() == []


async def test_what_would_be_lost_is_named() -> None:
    rig = Rig(a_grant())
    made = await rig.open()
    await made.require_saved()
    rig.store.fail_next_save(2)
    await made.grants.signed_in(a_grant(HOME))
    with pytest.raises(StoreFailedError, match="would be lost: home"):
        await made.require_saved()
    await made.require_saved()
    assert HOME in rig.store.grants
    await made.close()


async def test_what_a_refresh_under_way_is_about_to_give_counts_as_well() -> None:
    rig = Rig(a_grant())
    gate = rig.sender.hold()
    rig.sender.script(token_answer(refresh_token="newer"))
    made = await rig.open()
    waiting = asyncio.create_task(made.tokens.token(ALL, NONE), name="peer")
    await run_until_idle()
    asking = asyncio.create_task(made.require_saved(), name="require saved")
    await run_until_idle()
    assert not asking.done()
    rig.store.fail_next_save(2)
    gate.set()
    with pytest.raises(StoreFailedError, match="work"):
        await asking
    assert (await waiting).value.reveal() == "access-1"
    await made.require_saved()
    assert rig.store.grants[WORK].refresh_token == Secret("newer")
    await made.close()


async def test_it_shows_no_secret_in_its_repr() -> None:
    made = await Rig(a_grant()).open()
    shown = repr(made) + repr(made.grants) + repr(made.grants.all())
    assert "refresh-1" not in shown
    assert "Secret(***)" in shown
    await made.close()
