"""The one way in: who asks, may they, the token, and a line for the log."""

import asyncio
import logging

import pytest

from broker.model.account import AccountName
from broker.model.audit import Result
from broker.model.errors import (
    AccountNeededError,
    LockedError,
    LoginRequiredError,
    NoAccountsError,
    NotPermittedError,
    ScopeNotGrantedError,
    StoppingError,
    UnknownAccountError,
)
from broker.model.policy import Operation, Policy, Verdict
from broker.model.time import Seconds
from broker.services.served import TokenWanted
from tests.fakes.clock import run_until_idle
from tests.services.world import (
    HOME,
    PERSON,
    STRANGER,
    WORK,
    World,
    a_grant,
    a_world,
    digest,
    refusal,
    token_answer,
)

ANY = TokenWanted()


async def test_a_token_is_refreshed_once_and_then_served_without_waiting() -> None:
    world = await a_world(a_grant())
    world.sender.script(token_answer())
    assert world.access.cached_token(PERSON, ANY) is None
    served = await world.access.token(PERSON, ANY)
    assert served.account == WORK
    assert served.token.value.reveal() == "access-1"
    at_hand = world.access.cached_token(PERSON, TokenWanted(account=WORK))
    assert at_hand is not None
    assert at_hand.token is served.token


async def test_a_cached_token_must_have_the_life_that_the_peer_needs() -> None:
    world = await a_world(a_grant())
    world.sender.script(token_answer())
    await world.access.token(PERSON, ANY)
    await world.clock.advance(Seconds(3590))
    wanted = TokenWanted(min_ttl=Seconds(11))
    assert world.access.cached_token(PERSON, wanted) is None
    assert world.access.cached_token(PERSON, TokenWanted(min_ttl=Seconds(10)))


async def test_a_rejected_token_is_never_answered_from_the_quick_path() -> None:
    world = await a_world(a_grant())
    world.sender.script(token_answer())
    await world.access.token(PERSON, ANY)
    wanted = TokenWanted(rejected=digest("access-1"))
    assert world.access.cached_token(PERSON, wanted) is None


@pytest.mark.parametrize("operation", Operation)
def test_another_user_may_do_nothing_and_is_written_down(
    operation: Operation, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(NotPermittedError) as caught:
        World().access.permit(STRANGER, operation)
    assert caught.value.what.endswith(": another user")
    assert f"access.refused operation={operation.value}" in caplog.text
    assert "uid=1001 pid=4712" in caplog.text


def test_what_is_refused_is_named_in_words() -> None:
    with pytest.raises(NotPermittedError) as caught:
        World().access.permit(STRANGER, Operation.MANAGE)
    assert caught.value.what == "administration: another user"


async def test_another_user_learns_nothing_not_even_which_accounts_there_are() -> None:
    world = await a_world(a_grant())
    world.sender.script(token_answer())
    await world.access.token(PERSON, ANY)
    for name in (WORK, AccountName("nobody"), None):
        wanted = TokenWanted(account=name)
        with pytest.raises(NotPermittedError):
            world.access.cached_token(STRANGER, wanted)
        with pytest.raises(NotPermittedError):
            await world.access.token(STRANGER, wanted)


async def test_every_token_that_is_served_leaves_a_line_without_the_token(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    world = await a_world(a_grant())
    world.sender.script(token_answer(refresh_token="refresh-2"), token_answer("narrow"))
    await world.access.token(PERSON, ANY)
    world.access.cached_token(PERSON, ANY)
    await world.access.token(PERSON, TokenWanted(scopes=frozenset({"mail"})))
    lines = [line for line in caplog.messages if line.startswith("token.served")]
    assert lines == [
        "token.served account=work scopes=all rule=admin pid=4711",
        "token.served account=work scopes=all rule=admin pid=4711",
        "token.served account=work scopes=mail rule=admin pid=4711",
    ]
    said = caplog.text
    assert not any(value in said for value in ("access-1", "narrow", "refresh-"))


async def test_the_audit_has_what_the_token_may_do_whatever_was_asked_for() -> None:
    world = await a_world(a_grant())
    world.sender.script(token_answer(scope="drive mail"))
    served = await world.access.token(PERSON, ANY)
    world.access.cached_token(PERSON, ANY)
    assert [one.scopes for one in world.recorder.entries] == 2 * [served.token.scopes]
    assert served.token.scopes == {"drive", "mail"}


async def test_a_rule_that_denies_is_in_the_audit() -> None:
    world = await a_world(a_grant())
    deny = Policy(default=Verdict.DENY)
    await world.vault.require_open().policies.set(deny)
    with pytest.raises(NotPermittedError):
        world.access.cached_token(PERSON, ANY)
    (entry,) = world.recorder.entries
    assert (entry.result, entry.rule) == (Result.DENIED, "default")


async def test_before_the_first_login_there_is_just_no_account() -> None:
    access = World(source=None).access
    with pytest.raises(UnknownAccountError):
        access.cached_token(PERSON, TokenWanted(account=WORK))
    with pytest.raises(NoAccountsError):
        await access.token(PERSON, ANY)


async def test_a_locked_store_is_said_to_be_locked() -> None:
    world = World(source="passphrase")
    await world.vault.open_at_start()
    with pytest.raises(LockedError):
        world.access.cached_token(PERSON, TokenWanted(account=WORK))
    with pytest.raises(LockedError):
        await world.access.token(PERSON, ANY)


async def test_who_asks_while_the_store_is_being_locked_does_not_put_that_off() -> None:
    world = await a_world(a_grant(), a_grant(HOME))
    gate = world.sender.hold()
    world.sender.script(token_answer())
    served = asyncio.create_task(world.access.token(PERSON, TokenWanted(account=WORK)))
    await run_until_idle()
    locking = asyncio.create_task(world.vault.lock())
    await run_until_idle()
    narrow = TokenWanted(account=WORK, scopes=frozenset({"mail"}))
    late = [
        asyncio.create_task(world.access.token(PERSON, wanted))
        for wanted in (narrow, TokenWanted(account=HOME))
    ]
    await run_until_idle()
    gate.set()
    await locking
    assert (await served).token.value.reveal() == "access-1"
    for asked in late:
        with pytest.raises(LockedError):
            await asked
    assert len(world.sender.requests) == 1


async def test_who_stands_in_line_when_the_daemon_ends_is_told_that() -> None:
    world = await a_world(a_grant())
    gate = world.sender.hold()
    world.sender.script(token_answer())
    served = asyncio.create_task(world.access.token(PERSON, ANY))
    narrow = TokenWanted(scopes=frozenset({"mail"}))
    in_line = asyncio.create_task(world.access.token(PERSON, narrow))
    await run_until_idle()
    closing = asyncio.create_task(world.vault.close())
    await run_until_idle()
    gate.set()
    await closing
    assert (await served).token.value.reveal() == "access-1"
    with pytest.raises(StoppingError):
        await in_line


async def test_the_default_account_is_meant_where_none_is_named() -> None:
    world = await a_world(a_grant(), a_grant(HOME))
    world.sender.answer_always(token_answer())
    with pytest.raises(AccountNeededError):
        await world.access.token(PERSON, ANY)
    await world.grants.set_default(HOME)
    assert (await world.access.token(PERSON, ANY)).account == HOME


async def test_more_than_was_granted_is_refused_before_anything_is_sent() -> None:
    world = await a_world(a_grant())
    wanted = TokenWanted(scopes=frozenset({"mail", "admin"}))
    with pytest.raises(ScopeNotGrantedError):
        world.access.cached_token(PERSON, wanted)
    assert world.sender.requests == []


async def test_a_dead_grant_serves_no_cached_token() -> None:
    world = await a_world(a_grant())
    world.sender.script(token_answer(), refusal("invalid_grant"))
    await world.access.token(PERSON, ANY)
    with pytest.raises(LoginRequiredError):
        await world.access.token(PERSON, TokenWanted(scopes=frozenset({"mail"})))
    with pytest.raises(LoginRequiredError):
        world.access.cached_token(PERSON, ANY)
