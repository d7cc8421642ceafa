import asyncio
import logging

import pytest
from msgspec.structs import replace

from broker.model.account import AccountName
from broker.model.errors import (
    LoginRequiredError,
    NotExportableError,
    UnknownAccountError,
)
from broker.model.event import EventKind
from broker.model.secret import Secret
from tests.fakes.clock import run_until_idle
from tests.services.world import WORK, a_bound_grant, a_grant, a_world, token_answer


async def test_a_grant_is_given_away_and_stays(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = await a_world(a_grant())
    with world.events.subscribe() as told:
        grant = await world.moving_out.export(WORK)
    assert grant.refresh_token == Secret("refresh-1")
    assert WORK in world.store.grants
    assert [(e.kind, e.account) for e in told._events] == [(EventKind.EXPORTED, WORK)]
    (record,) = [r for r in caplog.records if "exported" in r.message]
    assert record.levelno == logging.WARNING
    assert "refresh-1" not in caplog.text


async def test_a_refresh_under_way_is_waited_for_and_its_token_given() -> None:
    world = await a_world(a_grant())
    world.sender.answer_always(token_answer(refresh_token="refresh-2"))
    gate = world.sender.hold()
    renewing = asyncio.create_task(world.tokens.renew(WORK))
    await run_until_idle()
    exporting = asyncio.create_task(world.moving_out.export(WORK))
    await run_until_idle()
    gate.set()
    await renewing
    assert (await exporting).refresh_token == Secret("refresh-2")


async def test_a_key_that_never_leaves_keeps_its_grant_here() -> None:
    world = await a_world(a_bound_grant())
    with pytest.raises(NotExportableError), world.events.subscribe() as told:
        await world.moving_out.export(WORK)
    assert not told._events


async def test_a_grant_that_is_not_there_or_signed_out_is_not_given() -> None:
    world = await a_world(replace(a_grant().signed_out(), version=1))
    with pytest.raises(LoginRequiredError):
        await world.moving_out.export(WORK)
    with pytest.raises(UnknownAccountError):
        await world.moving_out.export(AccountName("nobody"))
