"""A cached token of one account, while the issuer of another one misbehaves."""

import pytest

from tests.bench import figures, oidc_agent
from tests.bench.broker import Broker
from tests.bench.conftest import Issuers, faulty_account
from tests.bench.issuer import FAULTS
from tests.bench.load import Load, Target
from tests.bench.oidc_agent import OidcAgent

ROUNDS = 10_000
ROUNDS_IN_A_FAULT = 4000


def test_while_the_issuer_of_another_account_takes_three_seconds(
    broker: Broker, agent: OidcAgent | None, load: Load, issuers: Issuers
) -> None:
    figures.title("cached token of A while B's issuer takes 3 s")
    issuers.behave("slow", "slow")
    quiet, loud = broker.token("quiet"), broker.token("slow", scopes=["one"])
    _compare(load, "brokerd", quiet, loud, rounds=ROUNDS, goal=1.5)
    if agent is None:
        figures.not_measured("oidc-agent", oidc_agent.MISSING)
    else:
        forced = agent.token("slow", force=True)
        _compare(load, "oidc-agent", agent.token("quiet"), forced, rounds=100)
    issuers.behave("slow", "good")


@pytest.mark.parametrize("fault", FAULTS)
def test_during_each_fault_of_the_issuer_of_another_account(
    fault: str, broker: Broker, load: Load, issuers: Issuers
) -> None:
    figures.title(f"cached token of A while B's issuer is {fault.replace('_', ' ')}")
    account = faulty_account(fault)
    issuers.behave(account, fault)
    quiet, loud = broker.token("quiet"), broker.token(account, scopes=["one"])
    _compare(load, "brokerd", quiet, loud, rounds=ROUNDS_IN_A_FAULT, goal=2.0)
    issuers.behave(account, "good")


def _compare(
    load: Load,
    name: str,
    quiet: Target,
    loud: Target,
    *,
    rounds: int,
    goal: float | None = None,
) -> None:
    """`quiet` alone, and again while `loud` is waited for."""
    load.new({name: quiet}, 100)
    before = load.new({name: quiet}, rounds)[name]
    with load.begin(loud) as waiting:
        meanwhile = load.new({name: quiet}, rounds)[name]
        waiting.kill()
    figures.show({f"{name}, quiet": before, f"{name}, meanwhile": meanwhile})
    print(f"  {name}, the slowest meanwhile: {max(meanwhile) * 1e3:.1f} ms")
    last = figures.p99(meanwhile), figures.p99(before)
    figures.ratio(f"{name}: p99 over the quiet p99", *last, goal=goal)
