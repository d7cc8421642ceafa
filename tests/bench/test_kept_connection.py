"""A cached token on a connection that is kept, as a pool of connections has it."""

import sys
from pathlib import Path

import pytest

from tests.bench import figures
from tests.bench.broker import Broker
from tests.bench.load import Load, Target
from tests.bench.placement import PLACES, placed
from tests.bench.processes import running

ROUNDS = 10_000


@pytest.mark.parametrize("where", PLACES)
def test_a_cached_token_over_a_bare_answer_on_the_same_loop(
    where: str, broker: Broker, load: Load, folder: Path
) -> None:
    path = folder / "bare-kept.sock"
    ours = broker.token("quiet", kept=True)
    with running([sys.executable, "-m", "tests.bench.bare", path]):
        targets = {"brokerd": ours, "bare asyncio": Target(path, ours.request)}
        with placed(where, targets.values()):
            timed = load.kept(targets, ROUNDS)
    figures.title(f"cached token, on a kept connection, {where}")
    figures.show(timed)
    middle = figures.median(timed["brokerd"]), figures.median(timed["bare asyncio"])
    figures.ratio("median over bare asyncio", *middle, goal=1.8)
