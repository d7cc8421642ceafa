"""Many programs at once, on a cached token."""

from tests.bench import figures, oidc_agent
from tests.bench.broker import Broker
from tests.bench.load import Load, Target
from tests.bench.oidc_agent import OidcAgent

THREADS = 64
REQUESTS = 6400
TURNS = 5
BURST = 10_000


def test_sixty_four_connecting_threads(
    broker: Broker, agent: OidcAgent | None, load: Load
) -> None:
    figures.title(f"{THREADS} threads connect for each request")
    targets = {"brokerd": broker.token("quiet")}
    if agent is not None:
        targets["oidc-agent"] = agent.token("quiet")
    rates, refused = _rates(load, targets)
    for name in targets:
        rate = figures.median(rates[name])
        print(f"  {name:34} {rate:9.0f} requests a second, {refused[name]} refused")
    figures.count("refused by brokerd", refused["brokerd"], goal=0)
    if agent is None:
        figures.not_measured("over oidc-agent", oidc_agent.MISSING)
        return
    medians = figures.median(rates["brokerd"]), figures.median(rates["oidc-agent"])
    figures.at_least("requests a second over oidc-agent", *medians, goal=1.0)


def test_ten_thousand_connections_in_one_burst(
    broker: Broker, agent: OidcAgent | None, load: Load
) -> None:
    figures.title("10,000 connections are open before one is read")
    answered, seconds = load.burst(broker.token("quiet"), BURST)
    figures.count(f"answered by brokerd in {seconds:.2f} s", answered, goal=BURST)
    if agent is None:
        figures.not_measured("by oidc-agent", oidc_agent.MISSING)
        return
    answered, seconds = load.burst(agent.token("quiet"), BURST)
    figures.count(f"answered by oidc-agent in {seconds:.2f} s", answered)


def _rates(
    load: Load, targets: dict[str, Target]
) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Requests a second, for each turn; and how many were refused."""
    rates: dict[str, list[float]] = {name: [] for name in targets}
    refused = dict.fromkeys(targets, 0)
    for _ in range(TURNS):
        for name, target in targets.items():
            answered, seconds = load.crowd(target, THREADS, REQUESTS)
            rates[name].append(answered / seconds)
            refused[name] += REQUESTS - answered
    return rates, refused
