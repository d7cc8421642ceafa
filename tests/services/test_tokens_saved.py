"""Rotation: the newest refresh token is durable first, and no retired one is sent."""

import asyncio

import pytest

from broker.model.errors import LoginRequiredError, StoppingError
from broker.model.http import HttpRequest, HttpResponse
from broker.model.time import Seconds
from broker.services.token_cache import TokenKey
from tests.fakes.clock import FakeClock, run_until_idle
from tests.fakes.sender import FakeSender
from tests.fakes.store import MemoryStore
from tests.services.world import WORK, a_grant, refusal, token_answer, tokens_on

ALL = TokenKey(account=WORK, scopes=None, resource=None)
MAIL = TokenKey(account=WORK, scopes=frozenset({"mail"}), resource=None)
NONE = Seconds(0)


class RotatingIssuer:
    """Retires each refresh token at its first use, and ends the grant at a second."""

    def __init__(self) -> None:
        self.good = 1
        self.reused = False

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if f"refresh_token=refresh-{self.good}&".encode() not in request.body + b"&":
            self.reused = True
            return refusal("invalid_grant")
        self.good += 1
        return token_answer(
            f"access-{self.good}", refresh_token=f"refresh-{self.good}", expires_in=60
        )


def kept(store: MemoryStore) -> str | None:
    """The refresh token that a crash would find."""
    token = store.grants[WORK].refresh_token
    return None if token is None else token.reveal()


async def test_a_rotated_refresh_token_is_saved_before_anybody_is_answered() -> None:
    store, sender = MemoryStore(a_grant()), FakeSender()
    tokens, _ = await tokens_on(store, sender, FakeClock())
    sent = sender.hold()
    sender.script(token_answer(refresh_token="refresh-2"))
    waiting = asyncio.create_task(tokens.token(ALL, NONE))
    await run_until_idle()
    store.gate = asyncio.Event()
    sent.set()
    await run_until_idle()
    assert len(sender.requests) == 1
    assert not waiting.done()
    assert tokens.cached(ALL, NONE) is None
    store.gate.set()
    await waiting
    assert kept(store) == "refresh-2"


async def test_a_slow_store_never_leads_to_a_retired_refresh_token_being_sent() -> None:
    issuer = RotatingIssuer()
    store, sender = MemoryStore(a_grant()), FakeSender(otherwise=issuer)
    clock = FakeClock()
    tokens, _ = await tokens_on(store, sender, clock)
    for turn in range(4):
        store.gate, store.load_gate = asyncio.Event(), asyncio.Event()
        waiting = [
            asyncio.create_task(tokens.token(key, Seconds(40)))
            for key in (ALL, MAIL, ALL, MAIL)
        ]
        for gate in (store.load_gate, store.gate):
            await run_until_idle()
            waiting.append(asyncio.create_task(tokens.token(ALL, Seconds(40))))
            gate.set()
        waiting[turn].cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await clock.advance(Seconds(31))
    assert not issuer.reused
    assert kept(store) == f"refresh-{issuer.good}"


async def test_narrow_and_full_refreshes_of_one_grant_never_run_at_once() -> None:
    store, sender = MemoryStore(a_grant()), FakeSender()
    tokens, _ = await tokens_on(store, sender, FakeClock())
    gate = sender.hold()
    sender.script(
        token_answer("full", refresh_token="refresh-2"),
        token_answer("narrow", refresh_token="refresh-3", scope="mail"),
    )
    full = asyncio.create_task(tokens.token(ALL, NONE))
    narrow = asyncio.create_task(tokens.token(MAIL, NONE))
    await run_until_idle()
    assert sender.under_way == 1
    gate.set()
    assert (await full).value.reveal() == "full"
    assert (await narrow).value.reveal() == "narrow"
    assert sender.form(1)["refresh_token"] == "refresh-2"
    assert kept(store) == "refresh-3"


async def test_the_intent_to_spend_a_refresh_token_is_saved_before_it_is_sent() -> None:
    store, sender = MemoryStore(a_grant()), FakeSender(token_answer())
    tokens, _ = await tokens_on(store, sender, FakeClock())
    store.gate = asyncio.Event()
    waiting = asyncio.create_task(tokens.token(ALL, NONE))
    await run_until_idle()
    assert sender.requests == []
    sent = sender.hold()
    store.gate.set()
    await run_until_idle()
    assert len(sender.requests) == 1
    assert store.grants[WORK].intent is not None
    sent.set()
    await waiting
    assert store.grants[WORK].intent is None


async def test_a_new_refresh_token_and_the_end_of_the_intent_are_one_save() -> None:
    store = MemoryStore(a_grant())
    sender = FakeSender(token_answer(refresh_token="refresh-2"))
    tokens, _ = await tokens_on(store, sender, FakeClock())
    await tokens.token(ALL, NONE)
    assert store.saves == 2
    assert store.grants[WORK] == a_grant(refresh_token="refresh-2", version=3)


async def test_a_disk_that_refuses_the_new_refresh_token_costs_nobody_a_token() -> None:
    issuer = RotatingIssuer()
    store, sender = MemoryStore(a_grant()), FakeSender(otherwise=issuer)
    clock = FakeClock()
    tokens, grants = await tokens_on(store, sender, clock)
    store.fail_next_save(100)
    assert (await tokens.token(ALL, NONE)).value.reveal() == "access-2"
    assert list(grants.unsaved.accounts) == [WORK]
    assert kept(store) == "refresh-1"
    await clock.advance(Seconds(61))
    # The issuer would end the grant at a second use of the old one.
    assert (await tokens.token(ALL, NONE)).value.reveal() == "access-3"
    store.mend()
    assert await grants.save_again()
    assert not issuer.reused
    assert kept(store) == f"refresh-{issuer.good}"
    assert not grants.unsaved.accounts


async def test_a_full_disk_does_not_hide_that_the_issuer_ended_the_grant() -> None:
    store, sender = MemoryStore(a_grant()), FakeSender(refusal("invalid_grant"))
    tokens, _ = await tokens_on(store, sender, FakeClock())
    store.fail_next_save(2)
    with pytest.raises(LoginRequiredError):
        await tokens.token(ALL, NONE)
    with pytest.raises(LoginRequiredError):
        tokens.key(WORK, None, None)


async def test_closing_ends_the_refresh_on_the_wire_and_begins_no_other() -> None:
    issuer = RotatingIssuer()
    store, sender = MemoryStore(a_grant()), FakeSender(otherwise=issuer)
    clock = FakeClock()
    tokens, grants = await tokens_on(store, sender, clock)
    store.gate = asyncio.Event()
    asked = [(ALL, 0), (ALL, 50), (MAIL, 0)]
    served, impatient, in_line = [
        asyncio.create_task(tokens.token(key, Seconds(min_ttl)))
        for key, min_ttl in asked
    ]
    await clock.advance(Seconds(20))  # what is saved now is too old for the second
    closing = asyncio.create_task(tokens.close())
    await run_until_idle()
    assert not closing.done()
    store.gate.set()
    await closing
    await grants.close()
    assert (await served).value.reveal() == "access-2"
    for late in (impatient, in_line):
        with pytest.raises(StoppingError):
            await late
    assert len(sender.requests) == 1
    assert kept(store) == f"refresh-{issuer.good}"
