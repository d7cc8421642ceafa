"""Questions: asked once, answered by the person, or ended by what happens meanwhile."""

import asyncio

import msgspec
import pytest

from broker.model.consent import Answer
from broker.model.errors import (
    BadRequestError,
    BrokerError,
    ConsentPendingError,
    LockedError,
    NotPermittedError,
    ScopeNotGrantedError,
    StoppingError,
    UnknownQuestionError,
)
from broker.model.event import Event, EventKind
from broker.model.log_out import LogOutOptions
from broker.model.peer_facts import Certainty, Known, PeerFacts
from broker.model.policy import OPEN, Operation
from broker.model.question import Question
from broker.model.restriction import Restriction, SocketName
from broker.model.secret import Secret
from broker.model.time import Seconds, UnixTime
from broker.services.open_question import QUESTION_LIFE
from broker.services.question_limits import (
    DENIED_FOR,
    MOST_OPEN_OF_A_PROGRAM,
    MOST_UNANSWERED,
    SILENCE,
    QuestionLimits,
)
from broker.services.remembering import PASS_LIFE
from tests.fakes.clock import START, run_until_idle
from tests.model.test_consent import ALLOWED
from tests.services.derived import a_view
from tests.services.world import HOME, WORK, World, a_grant, a_world

NOT_AT_ALL, LONG = Seconds(0), Seconds(600)


def claim(value: str) -> Known:
    return Known(value, Certainty.CLAIM)


CURL = PeerFacts(
    uid=1000,
    pid=4711,
    started=7788,
    session_started=7700,
    executable=claim("/usr/bin/curl"),
    tty=claim("pts/3"),
)
QUESTION = Question(account=WORK, operation=Operation.TOKEN, socket="admin", facts=CURL)


def changed(**changes: object) -> Question:
    return msgspec.structs.replace(QUESTION, **changes)


def of(**facts: object) -> Question:
    return changed(facts=msgspec.structs.replace(CURL, **facts))


Asking = asyncio.Task[str]


async def asking(world: World, question: Question = QUESTION) -> Asking:
    """Somebody who waits for the answer."""
    task = asyncio.create_task(world.consents.ask(question, LONG), name="asking")
    await run_until_idle()
    return task


async def say(world: World, answer: Answer) -> None:
    """What the person says to the oldest question."""
    await world.consents.answer(world.consents.open[0].question_id, answer)
    await run_until_idle()


async def pending(world: World, question: Question = QUESTION) -> str:
    """The question that is open, for somebody who does not wait."""
    with pytest.raises(ConsentPendingError) as caught:
        await world.consents.ask(question, NOT_AT_ALL)
    return caught.value.question


async def refused(world: World, question: Question = QUESTION) -> str:
    with pytest.raises(NotPermittedError) as caught:
        await world.consents.ask(question, NOT_AT_ALL)
    return caught.value.what


async def test_whoever_does_not_wait_is_told_at_once_and_the_question_stays() -> None:
    world = await a_world(a_grant())
    first = await pending(world)
    assert await pending(world) == first
    assert [one.question_id for one in world.consents.open] == [first]


async def test_whoever_waits_is_let_through_by_the_answer() -> None:
    world = await a_world(a_grant())
    task = await asking(world)
    await say(world, Answer.ONCE)
    assert await task == "you, once"
    assert world.consents.open == []
    await pending(world)


async def test_whoever_waited_long_enough_is_told_so_and_the_question_stays() -> None:
    world = await a_world(a_grant())
    task = asyncio.create_task(world.consents.ask(QUESTION, Seconds(5)))
    await world.clock.advance(Seconds(6))
    with pytest.raises(ConsentPendingError):
        await task
    assert len(world.consents.open) == 1


async def test_all_who_wait_for_one_answer_pass_once_each() -> None:
    world = await a_world(a_grant())
    tasks = [await asking(world) for _ in range(3)]
    assert world.consents.open[0].waiting == 3
    await say(world, Answer.ONCE)
    assert [await task for task in tasks] == ["you, once"] * 3
    await pending(world)


async def test_where_every_use_is_asked_about_one_answer_lets_one_through() -> None:
    world = await a_world(a_grant())
    every = changed(every=True)
    tasks = [await asking(world, every) for _ in range(2)]
    await say(world, Answer.ONCE)
    assert sum(task.done() for task in tasks) == 1
    await say(world, Answer.ONCE)
    assert [await task for task in tasks] == ["you, once"] * 2


async def test_a_yes_while_nobody_waits_is_for_the_one_who_comes_back_soon() -> None:
    world = await a_world(a_grant())
    await pending(world)
    await say(world, Answer.ONCE)
    assert await world.consents.ask(QUESTION, NOT_AT_ALL) == "you, once"
    await pending(world)
    await say(world, Answer.ONCE)
    await world.clock.advance(PASS_LIFE)
    await pending(world)


async def test_a_no_is_for_all_who_wait_and_for_a_loop_that_asks_again() -> None:
    world = await a_world(a_grant())
    tasks = [await asking(world) for _ in range(2)]
    await say(world, Answer.DENY)
    for task in tasks:
        with pytest.raises(NotPermittedError, match="you said no"):
            await task
    assert "a moment ago" in await refused(world)
    await pending(world, of(executable=claim("/usr/bin/wget")))
    await world.clock.advance(DENIED_FOR)
    await pending(world)


async def test_an_answer_for_the_session_holds_in_it_and_in_no_other() -> None:
    world = await a_world(a_grant())
    task = await asking(world)
    await say(world, Answer.SESSION)
    assert (await task).startswith("you, for this session")
    assert world.consents.remembers(of(pid=4712, started=9000))
    assert not world.consents.remembers(of(session_started=8800))
    assert not world.consents.remembers(of(tty=claim("pts/4")))
    assert not world.consents.remembers(of(executable=claim("/usr/bin/wget")))


async def test_who_joined_from_another_session_is_asked_about_anew() -> None:
    world = await a_world(a_grant())
    here = await asking(world)
    there = await asking(world, of(tty=claim("pts/4")))
    await say(world, Answer.SESSION)
    assert here.done()
    assert not there.done()
    await say(world, Answer.DENY)
    with pytest.raises(NotPermittedError):
        await there


async def test_an_answer_for_good_outlives_the_daemon() -> None:
    world = await a_world(a_grant())
    task = await asking(world)
    await say(world, Answer.ALWAYS)
    assert (await task).startswith("you, always")
    again = World(store=world.store)
    await again.vault.open_at_start()
    assert not again.consents.remembers(QUESTION)  # nobody has read it yet
    assert (await again.consents.ask(QUESTION, NOT_AT_ALL)).startswith("you, always")
    assert again.consents.remembers(QUESTION)


async def test_a_narrower_request_is_covered_and_a_wider_one_asks() -> None:
    world = await a_world(a_grant())
    await pending(world, changed(scopes=frozenset({"mail"})))
    await say(world, Answer.ALWAYS)
    assert not world.consents.remembers(QUESTION)
    await pending(world)
    await say(world, Answer.ALWAYS)
    assert world.consents.remembers(changed(scopes=frozenset({"drive"})))


async def test_an_answer_about_an_id_token_is_for_its_audience_alone() -> None:
    grant = a_grant()
    # Whatever the account's access tokens are for.
    account = msgspec.structs.replace(grant.account, resource="https://api.example")
    world = await a_world(msgspec.structs.replace(grant, account=account))
    wanted = changed(operation=Operation.ID_TOKEN, resource="https://run.example")
    task = await asking(world, wanted)
    await say(world, Answer.ALWAYS)
    await task
    await world.consents.ask(wanted, NOT_AT_ALL)
    other = msgspec.structs.replace(wanted, resource="https://other.example")
    assert await pending(world, other)


async def test_no_earlier_answer_counts_where_every_use_is_asked_about() -> None:
    world = await a_world(a_grant())
    await pending(world)
    await say(world, Answer.ALWAYS)
    assert not world.consents.remembers(changed(every=True))
    await pending(world, changed(every=True))
    with pytest.raises(BadRequestError, match="once, deny"):
        await say(world, Answer.ALWAYS)


async def test_an_unknown_program_is_allowed_once_at_most() -> None:
    world = await a_world(a_grant())
    unknown = changed(facts=PeerFacts(uid=1000))
    await pending(world, unknown)
    with pytest.raises(BadRequestError):
        await say(world, Answer.ALWAYS)
    await say(world, Answer.ONCE)
    assert not world.consents.remembers(unknown)


async def test_a_disk_that_refuses_leaves_the_question_open() -> None:
    world = await a_world(a_grant())
    await pending(world)
    world.store.fail_next_save()
    with pytest.raises(BrokerError):
        await say(world, Answer.ALWAYS)
    assert len(world.consents.open) == 1
    assert not world.consents.remembers(QUESTION)


async def test_a_question_that_nobody_answers_ends() -> None:
    world = await a_world(a_grant())
    task = await asking(world)
    await world.clock.advance(QUESTION_LIFE)
    with pytest.raises(NotPermittedError, match="nobody answered"):
        await task
    assert world.consents.open == []
    with pytest.raises(UnknownQuestionError):
        await world.consents.answer("00000001", Answer.ONCE)


async def test_a_program_whose_questions_nobody_answers_is_silenced_for_a_while() -> (
    None
):
    world = await a_world(a_grant())
    for _ in range(MOST_UNANSWERED):
        await pending(world)
        await world.clock.advance(QUESTION_LIFE)
    assert "no answer" in await refused(world)
    assert len(world.consents.limits.silenced(world.clock.now())) == 1
    await pending(world, of(executable=claim("/usr/bin/wget")))
    await world.clock.advance(SILENCE)
    await pending(world)


async def test_an_answer_shows_that_somebody_is_there() -> None:
    world = await a_world(a_grant())
    for _ in range(MOST_UNANSWERED - 1):
        await pending(world)
        await world.clock.advance(QUESTION_LIFE)
    await pending(world)
    await say(world, Answer.DENY)
    await world.clock.advance(DENIED_FOR)
    await pending(world)
    await world.clock.advance(QUESTION_LIFE)
    await pending(world)


async def test_to_forget_everything_is_to_ask_of_everything() -> None:
    world = await a_world(a_grant())
    for _ in range(MOST_UNANSWERED):
        await pending(world)
        await world.clock.advance(QUESTION_LIFE)
    await world.consents.revoke(None)
    await pending(world)
    await say(world, Answer.ALWAYS)
    await world.consents.revoke(None)
    assert not world.consents.remembers(QUESTION)


async def test_one_program_cannot_keep_others_from_being_asked_about() -> None:
    world = await a_world(a_grant())
    for number in range(MOST_OPEN_OF_A_PROGRAM):
        await pending(world, changed(resource=f"https://{number}.example"))
    assert "too many" in await refused(world)
    await pending(world, of(executable=claim("/usr/bin/wget")))


def behind(name: str = "box", made_at: float = 5, **facts: object) -> Question:
    """The same on a restricted socket."""
    question = changed(socket=name, socket_made_at=UnixTime(made_at))
    shown = msgspec.structs.replace(CURL, **facts)
    return msgspec.structs.replace(question, facts=shown)


async def test_whoever_is_shut_in_cannot_silence_the_persons_own_program() -> None:
    world = await a_world(a_grant())
    for _ in range(MOST_UNANSWERED):
        await pending(world, behind())
        await world.clock.advance(QUESTION_LIFE)
    assert "no answer" in await refused(world, behind(executable=claim("/x")))
    await pending(world)


async def test_whoever_is_shut_in_has_few_questions_whatever_its_programs() -> None:
    world = await a_world(a_grant())
    for number in range(MOST_OPEN_OF_A_PROGRAM):
        await pending(world, behind(executable=claim(f"/bin/{number}")))
    assert "too many" in await refused(world, behind(executable=claim("/bin/x")))
    await pending(world)
    await pending(world, behind("other"))


async def test_an_answer_about_one_user_is_no_answer_about_another() -> None:
    world = await a_world(a_grant())
    ann, bob = (behind(uid=uid, executable=None) for uid in (1001, 1002))
    first, second = await asking(world, ann), await asking(world, bob)
    await say(world, Answer.ONCE)
    assert (first.done(), second.done()) == (True, False)
    second.cancel()
    await say(world, Answer.DENY)
    await pending(world, ann)
    await say(world, Answer.ONCE)
    await world.clock.advance(DENIED_FOR)
    await pending(world, bob)  # what was said once is ann's to take


async def sign_in_anew(world: World, **changes: object) -> None:
    """Whoever it was, a moment later."""
    assert world.vault.opened is not None
    grants = world.vault.opened.grants
    later = UnixTime(world.clock.now().wall + 1)
    again = msgspec.structs.replace(grants.get(WORK), granted_at=later, **changes)
    await grants.signed_in(again)


@pytest.mark.parametrize(
    "changes",
    [{"subject": "bob"}, {"scopes": frozenset({"drive", "mail", "admin"})}],
)
async def test_a_yes_is_for_what_was_shown_and_not_for_a_later_sign_in(
    changes: dict[str, object],
) -> None:
    world = await a_world(a_grant(subject="ann"))
    task = await asking(world)
    await sign_in_anew(world, **{"subject": "ann", **changes})
    await say(world, Answer.ONCE)
    assert not task.done()
    (asked,) = world.consents.open  # it is asked about anew
    assert asked.allowance.people == (changes.get("subject", "ann"),)
    await say(world, Answer.ONCE)
    assert await task == "you, once"


async def test_whoever_signs_in_later_may_be_another_where_no_issuer_tells() -> None:
    world = await a_world(a_grant())
    await pending(world)
    await say(world, Answer.ALWAYS)
    await sign_in_anew(world)
    assert not world.consents.remembers(QUESTION)


async def test_unknown_programs_that_call_themselves_otherwise_are_two() -> None:
    world = await a_world(a_grant())
    one, two = (of(executable=None, command=claim(name)) for name in ("a", "b"))
    assert await pending(world, one) != await pending(world, two)


async def test_not_more_than_so_many_are_asked_at_once_and_in_a_minute() -> None:
    world = await a_world(a_grant())
    programs = [of(executable=claim(f"/bin/{n}")) for n in range(20)]
    for each in programs[:8]:
        await pending(world, each)
    assert "too many" in await refused(world, programs[8])
    for _ in range(8):
        await say(world, Answer.DENY)
    for each in programs[8:10]:
        await pending(world, each)
    assert "a minute" in await refused(world, programs[10])
    await world.clock.advance(Seconds(60))
    await pending(world, programs[10])


@pytest.mark.parametrize("is_open", [True, False])
async def test_a_daemon_without_questions_has_no_timer(*, is_open: bool) -> None:
    world = await a_world(a_grant())
    before = world.clock.sleeping
    task = await asking(world)
    assert world.clock.sleeping > before
    if is_open:
        await say(world, Answer.ONCE)
    else:
        await world.clock.advance(LONG)
    await run_until_idle()
    assert world.clock.sleeping == before
    await asyncio.wait([task])


async def test_a_lock_ends_questions_and_the_answers_for_sessions() -> None:
    world = await a_world(a_grant())
    world.door.passphrase, world.door.source = "sesame", "passphrase"
    await pending(world, changed(scopes=frozenset({"mail"})))
    await say(world, Answer.SESSION)
    task = await asking(world)
    await world.vault.lock()
    with pytest.raises(LockedError):
        await task
    assert world.consents.open == []
    # Nothing of the store stays in memory.
    assert world.consents.remembering._loaded is None
    assert not world.consents.remembers(QUESTION)


async def test_a_log_out_ends_the_questions_of_its_account_and_its_answers() -> None:
    world = await a_world(a_grant(), a_grant(HOME))
    await pending(world)
    await say(world, Answer.ALWAYS)
    task = await asking(world, changed(scopes=frozenset({"mail"}), socket="ci"))
    other = await asking(world, changed(account=HOME))
    await world.accounts.log_out(WORK, LogOutOptions(local_only=True))
    await world.consents.signed_out(WORK)
    await run_until_idle()
    with pytest.raises(NotPermittedError, match="signed out"):
        await task
    assert not other.done()
    remembered = await world.consents.remembering.now()
    assert remembered is not None
    assert remembered.always == ()
    other.cancel()


async def test_a_policy_that_changes_has_everybody_ask_anew() -> None:
    world = await a_world(a_grant())
    task = await asking(world)
    assert world.vault.opened is not None
    await world.vault.opened.policies.set(OPEN)
    with pytest.raises(ConsentPendingError):
        await task
    assert world.consents.open == []


async def test_nobody_is_left_waiting_when_the_daemon_stops() -> None:
    world = await a_world(a_grant())
    task = await asking(world)
    world.vault.begin_to_close()
    at = world.clock.now().wall
    world.events.publish(Event(kind=EventKind.STOPPING, at=at))
    with pytest.raises(StoppingError):
        await task
    with pytest.raises(StoppingError):
        await world.consents.ask(QUESTION, NOT_AT_ALL)


async def test_listeners_hear_of_the_question_and_its_end_by_name_alone() -> None:
    world = await a_world(a_grant())
    with world.events.subscribe() as heard:
        question_id = await pending(world)
        await say(world, Answer.DENY)
        events = [await heard.get(), await heard.get()]
    assert [event.kind for event in events] == [EventKind.QUESTION, EventKind.ANSWERED]
    assert {event.question for event in events} == {question_id}
    assert {event.account for event in events} == {WORK}
    assert (events[0].reason, events[1].reason) == (None, "deny")


async def test_the_audit_says_that_it_was_asked_and_how_that_ended() -> None:
    world = await a_world(a_grant())
    question = changed(scopes=frozenset({"mail"}))
    asking_ = await asking(world, question)
    await say(world, Answer.ONCE)
    await asking_
    asked, ended = world.recorder.entries
    assert (asked.operation, ended.operation) == ("consent.asked", "consent.ended")
    assert asked.detail
    assert ended.detail == f"{asked.detail} end=once"
    for entry in (asked, ended):
        assert (entry.account, entry.peer, entry.socket) == (WORK, CURL, "admin")
        assert entry.scopes == question.scopes


async def test_whoever_hangs_up_is_not_counted_among_those_who_wait() -> None:
    world = await a_world(a_grant())
    task = await asking(world)
    task.cancel()
    await asyncio.wait([task])
    assert world.consents.open[0].waiting == 0


async def test_nobody_is_asked_about_what_cannot_be_had() -> None:
    world = await a_world(a_grant())
    with pytest.raises(ScopeNotGrantedError):
        await world.consents.ask(changed(scopes=frozenset({"admin"})), NOT_AT_ALL)
    assert world.consents.open == []


async def test_of_a_view_it_is_the_views_scopes_that_are_asked_about() -> None:
    view = a_view("mail", name=HOME)
    world = await a_world(a_grant(subject="ann"), view)
    await pending(world, changed(account=HOME))
    about = world.consents.open[0].allowance
    assert (about.account, about.people[1:]) == (HOME, ("ann",))
    assert about.scopes == {"mail"}


CI = Restriction(name=SocketName("ci"), accounts=(WORK,), made_at=UnixTime(0))


@pytest.mark.parametrize("answer", [Answer.ALWAYS, Answer.SESSION, Answer.ONCE])
async def test_an_answer_about_a_socket_is_about_no_later_one_of_the_same_name(
    answer: Answer,
) -> None:
    world = await a_world(a_grant())

    async def about_the_socket() -> Question:
        made = await world.sockets.add(CI, None)
        at = made.record.restriction.made_at
        return changed(socket="ci", socket_made_at=at)

    question = await about_the_socket()
    await pending(world, question)
    await say(world, answer)
    if answer is not Answer.ONCE:
        assert await world.consents.ask(question, NOT_AT_ALL)
    await world.sockets.remove(CI.name)
    await world.clock.advance(Seconds(1))
    await pending(world, await about_the_socket())
    remembered = await world.consents.remembering.now()
    assert remembered is not None
    assert remembered.always == ()
    assert remembered.sessions(world.clock.now()) == []


async def test_an_answer_about_one_users_program_is_about_no_other_users() -> None:
    world = await a_world(a_grant())
    # Of another user's program nothing but its name is known.
    ann, bob = (changed(facts=PeerFacts(uid=uid, pid=1)) for uid in (1001, 1002))
    await pending(world, ann)
    await say(world, Answer.ONCE)
    await pending(world, bob)


async def test_a_question_ends_with_the_socket_that_it_came_in_on() -> None:
    world = await a_world(a_grant())
    made = await world.sockets.add(CI, None)
    at = made.record.restriction.made_at
    await pending(world, changed(socket="ci", socket_made_at=at))
    on_admin = await pending(world)
    task = await asking(world, changed(socket="ci", socket_made_at=at))
    await world.sockets.remove(CI.name)
    assert [one.question_id for one in world.consents.open] == [on_admin]
    with pytest.raises(NotPermittedError, match="the socket has ended"):
        await task


async def test_a_yes_that_nobody_has_taken_goes_with_all_other_answers() -> None:
    world = await a_world(a_grant())
    await pending(world)
    await say(world, Answer.ONCE)
    await world.consents.revoke(None)
    await pending(world)


async def test_a_lock_ends_a_yes_that_nobody_has_taken() -> None:
    world = await a_world(a_grant())
    world.door.passphrase, world.door.source = "sesame", "passphrase"
    await pending(world)
    await say(world, Answer.ONCE)
    await world.vault.lock()
    await world.vault.unlock(Secret("sesame"))
    await pending(world)


async def test_of_two_answers_at_once_the_first_counts() -> None:
    world = await a_world(a_grant())
    question_id = await pending(world)
    world.store.gate = asyncio.Event()
    first = asyncio.create_task(world.consents.answer(question_id, Answer.ALWAYS))
    await run_until_idle()
    second = asyncio.create_task(world.consents.answer(question_id, Answer.DENY))
    await run_until_idle()
    world.store.gate.set()
    await first
    with pytest.raises(UnknownQuestionError):
        await second
    assert world.consents.remembers(QUESTION)


def test_what_is_kept_of_programs_that_were_denied_is_bounded() -> None:
    limits, now = QuestionLimits(), START
    every = [
        msgspec.structs.replace(ALLOWED, resource=f"https://{number}.example")
        for number in range(300)
    ]
    for each in every:
        limits.denied(each, now)
    limits.require_asking(every[0], [], now)
    with pytest.raises(NotPermittedError, match="a moment ago"):
        limits.require_asking(every[-1], [], now)
