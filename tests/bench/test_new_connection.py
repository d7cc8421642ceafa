"""A cached token on a new connection each: what every program of the person's does."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.bench import figures, oidc_agent
from tests.bench.broker import Broker, daemon
from tests.bench.load import Load, Target, compiled
from tests.bench.oidc_agent import OidcAgent
from tests.bench.placement import ONE_CORE, PLACES, placed
from tests.bench.processes import running

ROUNDS = 6000


@pytest.fixture(scope="module")
def limits(broker: Broker, folder: Path) -> Iterator[dict[str, Target]]:
    """What nobody can do better."""
    bare, echo = folder / "bare.sock", folder / "echo.sock"
    with (
        running([sys.executable, "-m", "tests.bench.bare", bare]),
        running([compiled("echo.c", folder), echo]),
    ):
        yield {
            "bare asyncio": Target(bare, broker.token("quiet").request),
            "C echo": Target(echo, b'{"access_token":"echo"}'),
        }


@pytest.mark.parametrize("where", PLACES)
def test_a_cached_token_over_the_peer_and_the_limits(
    where: str,
    broker: Broker,
    agent: OidcAgent | None,
    load: Load,
    limits: dict[str, Target],
) -> None:
    targets = {"brokerd": broker.token("quiet")}
    if agent is not None:
        targets["oidc-agent"] = agent.token("quiet")
    targets |= limits
    with placed(where, targets.values()):
        timed, cold = load.new(targets, ROUNDS), load.cold(targets, ROUNDS)
    figures.title(f"cached token, a new connection each, one after another, {where}")
    figures.show(timed)
    _compare(timed["brokerd"], timed.get("oidc-agent"), goals=(1.0, 1.2))
    for limit in limits:
        middle = figures.median(timed["brokerd"]), figures.median(timed[limit])
        figures.ratio(f"median over {limit}", *middle)
    figures.title("the same in turn: each finds the processor's caches as another left")
    figures.show(cold)
    _compare(cold["brokerd"], cold.get("oidc-agent"), goals=None)


def test_what_the_front_is_worth(broker: Broker, load: Load, folder: Path) -> None:
    plain = folder / "without-front"
    with daemon(plain, broker.issuers, "--no-front") as without:
        without.sign_in("quiet")
        targets = {"front": broker.token("quiet"), "no front": without.token("quiet")}
        with placed(ONE_CORE, targets.values()):
            timed = load.new(targets, ROUNDS)
    figures.title("the front, over the same daemon with --no-front")
    figures.show(timed)
    middle = figures.median(timed["front"]), figures.median(timed["no front"])
    figures.ratio("median over --no-front", *middle)


def test_what_a_rule_about_programs_costs(
    broker: Broker, load: Load, folder: Path
) -> None:
    with daemon(folder / "labelled", broker.issuers) as labelled:
        labelled.sign_in("quiet")
        labelled.deny("--executable=/usr/bin/nobody", "--unit=nobody.service")
        targets = {
            "uid alone": broker.token("quiet"),
            "executable and unit": labelled.token("quiet"),
        }
        with placed(ONE_CORE, targets.values()):
            timed = load.new(targets, ROUNDS)
    figures.title("a rule that needs executable and unit, over none")
    figures.show(timed)
    middle = (figures.median(timed[name]) for name in reversed(targets))
    figures.ratio("median over uid alone", *middle)


def test_the_audit_over_none(broker: Broker, load: Load, folder: Path) -> None:
    unrecorded = folder / "unrecorded"
    (unrecorded / "config").mkdir(parents=True, mode=0o700)
    (unrecorded / "config/config.toml").write_text("audit.enabled = false\n")
    with daemon(unrecorded, broker.issuers) as silent:
        silent.sign_in("quiet")
        targets = {"no audit": silent.token("quiet"), "audit": broker.token("quiet")}
        with placed(ONE_CORE, targets.values()):
            timed = load.new(targets, ROUNDS)
    figures.title("cached token with the audit, over none")
    figures.show(timed)
    middle = (figures.median(timed[name]) for name in reversed(targets))
    figures.ratio("median over no audit", *middle)


def _compare(
    ours: Sequence[float],
    theirs: Sequence[float] | None,
    goals: tuple[float, float] | None,
) -> None:
    if theirs is None:
        figures.not_measured("over oidc-agent's plain JSON", oidc_agent.MISSING)
        return
    middle, last = goals or (None, None)
    medians = figures.median(ours), figures.median(theirs)
    figures.ratio("median over oidc-agent's plain JSON", *medians, goal=middle)
    slowest = figures.p99(ours), figures.p99(theirs)
    figures.ratio("p99, median of slices, over oidc-agent's", *slowest, goal=last)
    slowest = figures.p99_of_all(ours), figures.p99_of_all(theirs)
    figures.ratio("p99, of all requests, over oidc-agent's", *slowest)
