"""A sample of damage to the files, through a real daemon: it runs, and tells."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.daemons import Refused
from tests.faults.sweep import Scenario, prepare
from tests.faults.world import World, new_world

STATES = {"open", "corrupt", "locked"}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with new_world() as world:
        prepare(
            Scenario("two accounts, the log not empty", refresh, two, crashed=True),
            world,
        )
        yield world


def two(world: World) -> None:
    world.sign_in("work")
    world.sign_in("home")


def refresh(world: World) -> None:
    world.token("work")


def damage(world: World, name: str, at: float, how: str) -> Path:
    """The file, cut off at or flipped at a part of its length."""
    world.back()
    path = world.person.store.with_name(name)
    content = bytearray(path.read_bytes())
    place = int(at * (len(content) - 1))
    content[place] ^= 0x40
    path.write_bytes(content[:place] if how == "cut" else content)
    return path


@pytest.mark.parametrize("how", ["cut", "flip"])
@pytest.mark.parametrize("name", ["store.db", "store.db-wal", "store.key"])
def test_a_daemon_with_damaged_files_runs_tells_and_throws_nothing_away(
    world: World, name: str, how: str
) -> None:
    for part in range(12):
        path = damage(world, name, part / 11, how)
        found = path.read_bytes()
        with world.running():
            status = world.ask("GET", "/v1/status")
            assert status["store"] in STATES, status
            if status["store"] == "open":
                tokens_or_reasons(world)
            else:
                with pytest.raises(Refused) as refused:
                    world.token("work")
                assert refused.value.code in {"store_corrupt", "locked"}
        log = world.nursery.log.read_text()
        assert "Traceback" not in log, (part, log)
        if status["store"] == "corrupt":
            kept = [p for p in path.parent.iterdir() if p.read_bytes() == found]
            assert kept, f"the damaged {name} is gone"
        world.hunt()


def test_a_word_of_the_schema_that_is_no_text_any_more_is_told_as_damage(
    world: World,
) -> None:
    world.back()
    content = bytearray(world.person.store.read_bytes())
    content[content.index(b"damaged_record")] |= 0x80
    world.person.store.write_bytes(content)
    with world.running():
        assert world.ask("GET", "/v1/status")["store"] == "corrupt"


def tokens_or_reasons(world: World) -> None:
    """Each account gives a token, or is missing from all that is told."""
    for account in ("work", "home"):
        try:
            world.token(account)
        except Refused as refusal:
            assert refusal.code in {"unknown_account", "login_required"}, refusal
