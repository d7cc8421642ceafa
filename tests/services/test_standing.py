"""What a listener that comes late is told of the present."""

import pytest
from msgspec.structs import replace

from broker.model.errors import IssuerUnreachableError, StoreCorruptError
from broker.model.event import Event, EventKind
from broker.model.grant import GrantState
from broker.model.time import Seconds, UnixTime
from broker.services.standing import standing_events
from broker.services.token_cache import TokenKey
from tests.fakes.clock import START
from tests.services.world import (
    HOME,
    ISSUER,
    WORK,
    World,
    a_grant,
    a_world,
    token_answer,
)

ALL = TokenKey(account=WORK, scopes=None, resource=None)
NOW = UnixTime(1_800_000_060)


def told(world: World) -> list[Event]:
    """All but the first, which is always the same."""
    first, *rest = standing_events(world.vault, NOW)
    assert first == Event(kind=EventKind.LISTENING, at=NOW)
    return rest


async def test_where_all_is_well_there_is_nothing_to_tell() -> None:
    assert told(await a_world(a_grant())) == []
    assert told(World(source=None)) == []


@pytest.mark.parametrize("state", [GrantState.DEAD, GrantState.REAUTHENTICATE])
async def test_an_account_that_needs_a_login_is_told_with_the_reason(
    state: GrantState,
) -> None:
    ended = replace(a_grant(), state=state, ended_because="revoked")
    assert told(await a_world(ended, a_grant(HOME))) == [
        Event(
            kind=EventKind.LOGIN_NEEDED,
            at=NOW,
            account=WORK,
            issuer=ISSUER.url,
            reason="revoked",
        )
    ]


async def test_whoever_signed_out_is_not_told_to_sign_in() -> None:
    ended = replace(a_grant(), state=GrantState.SIGNED_OUT, refresh_token=None)
    assert told(await a_world(ended)) == []


async def test_a_locked_store_is_told_with_the_reason() -> None:
    world = World(source="passphrase")
    world.door.passphrase = "open sesame"
    await world.vault.open_at_start()
    (locked,) = told(world)
    assert (locked.kind, locked.at) == (EventKind.LOCKED, NOW)
    assert locked.reason == world.vault.locked_because is not None


async def test_a_store_that_cannot_be_read_is_told_as_locked() -> None:
    world = World()
    world.door.fault = StoreCorruptError(path="store.db", what="it is none")
    await world.vault.open_at_start()
    assert [(e.kind, e.reason) for e in told(world)] == [
        (EventKind.LOCKED, "the store cannot be read")
    ]


async def test_grants_that_the_disk_refused_are_told_with_the_reason() -> None:
    world = await a_world(a_grant())
    world.store.fail_next_save(1000)
    world.sender.script(token_answer(refresh_token="refresh-2"))
    await world.tokens.token(ALL, Seconds(0))
    (unsaved,) = told(world)
    world.store.mend()
    assert (unsaved.kind, unsaved.at) == (EventKind.UNSAVED, START.wall)
    assert unsaved.reason


async def test_an_issuer_that_is_down_is_told_since_when_and_until_when() -> None:
    world = await a_world(a_grant())
    world.sender.script(IssuerUnreachableError(issuer=ISSUER.url, what="timed out"))
    with pytest.raises(IssuerUnreachableError):
        await world.tokens.token(ALL, Seconds(0))
    (down,) = told(world)
    assert (down.kind, down.at) == (EventKind.ISSUER_DOWN, START.wall)
    assert (down.issuer, down.reason) == (ISSUER.url, "timed out")
    assert down.until is not None
    assert down.until > START.wall
