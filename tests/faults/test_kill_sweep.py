"""SIGKILL at every write, sync, rename and send: nothing acknowledged is ever lost."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.faults.scenarios import FORMAT_1_PORT, MIGRATION, SCENARIOS
from tests.faults.sweep import Scenario, sweep
from tests.faults.world import World, new_world

LANES = 2


@pytest.fixture(scope="module")
def worlds() -> Iterator[list[World]]:
    with ExitStack() as stack:
        yield [stack.enter_context(new_world()) for _ in range(LANES)]


@pytest.mark.parametrize(
    "scenario", [pytest.param(each, id=each.name) for each in SCENARIOS]
)
def test_whenever_the_daemon_is_killed_nothing_acknowledged_is_lost(
    scenario: Scenario, worlds: list[World], capsys: pytest.CaptureFixture[str]
) -> None:
    judge(scenario, worlds, capsys)


def test_whenever_the_daemon_is_killed_an_older_store_is_not_lost(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with new_world(FORMAT_1_PORT) as world:
        judge(MIGRATION, [world], capsys)


def judge(
    scenario: Scenario, worlds: list[World], capsys: pytest.CaptureFixture[str]
) -> None:
    result = sweep(scenario, worlds)
    with capsys.disabled():
        print(f"\nkill sweep: {scenario.name}: {result}")
    assert result.counted > 0
    assert result.missed == []
    assert not result.faults, "\n\n".join(result.faults)
