"""A cached token of one account, while the issuer of another one misbehaves."""

from contextlib import ExitStack

from tests.bench import figures, oidc_agent
from tests.bench.asking import asking
from tests.bench.broker import Broker
from tests.bench.conftest import Issuers
from tests.bench.load import Load, Target
from tests.bench.oidc_agent import OidcAgent
from tests.bench.placement import ONE_CORE, aside, placed
from tests.faults.issuers import FaultyIssuer, faulty_issuers
from tests.faults.misbehaviour import BEHAVIOURS

ROUNDS = 10_000
ROUNDS_IN_A_FAULT = 8000
MOST_TIMES = 10
"""On a loaded machine the issuer may not have been met when they are over."""

NOT_SEEN = ("refused",)
"""Nobody listens: no request comes."""

FAULTS = [*NOT_SEEN, *(name for name in BEHAVIOURS if not name.startswith("hold"))]
"""All but those of TLS and of names, and those that a test lets go."""


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


def test_during_each_fault_of_the_issuer_of_another_account(
    broker: Broker, load: Load
) -> None:
    figures.title("cached token of A while others of B are asked for, by B's issuer")
    quiet = {"quiet": broker.token("quiet")}
    ratios = []
    with ExitStack() as stack:
        with aside():
            faulty = stack.enter_context(faulty_issuers())
        for fault in FAULTS:
            issuer = faulty.open(fault)
            broker.sign_in_at(issuer.url, fault)
            issuer.set(fault=fault)
            with placed(ONE_CORE, quiet.values()):
                before = load.new(quiet, ROUNDS_IN_A_FAULT)["quiet"]
            with asking(broker, fault), placed(ONE_CORE, quiet.values()):
                meanwhile = _until_met(load, quiet["quiet"], fault, issuer)
            ratios.append(figures.p99(meanwhile) / figures.p99(before))
            slowest = max(meanwhile) * 1e3
            figures.ratio(
                f"{fault:20} slowest {slowest:6.1f} ms; p99 over the quiet p99",
                figures.p99(meanwhile),
                figures.p99(before),
                goal=2.0,
            )
    figures.ratio(f"the median of {len(FAULTS)} faults", figures.median(ratios), 1.0)


def _until_met(
    load: Load, quiet: Target, fault: str, issuer: FaultyIssuer
) -> list[float]:
    """Seconds of each answer, until the fault has been met among them."""
    seconds: list[float] = []
    for _ in range(MOST_TIMES):
        seconds += load.new({"quiet": quiet}, ROUNDS_IN_A_FAULT)["quiet"]
        if fault in NOT_SEEN or issuer.is_met():
            return seconds
    raise AssertionError(f"the issuer with {fault} was never asked")


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
    targets = {name: quiet}
    with placed(ONE_CORE, targets.values()):
        load.new(targets, 100)
        before = load.new(targets, rounds)[name]
        with load.begin(loud) as waiting:
            meanwhile = load.new(targets, rounds)[name]
            waiting.kill()
    figures.show({f"{name}, quiet": before, f"{name}, meanwhile": meanwhile})
    print(f"  {name}, the slowest meanwhile: {max(meanwhile) * 1e3:.1f} ms")
    last = figures.p99(meanwhile), figures.p99(before)
    figures.ratio(f"{name}: p99 over the quiet p99", *last, goal=goal)
