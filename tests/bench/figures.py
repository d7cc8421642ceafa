"""How figures are printed: medians, p99, and ratios beside their goals."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter

SLICES = 20
FEWEST = 200
"""Answers of which a p99 can be said."""


def in_turn(
    actions: Mapping[str, Callable[[], object]], rounds: int
) -> dict[str, list[float]]:
    """Seconds of each action; in turn, so that a drifting machine hurts all."""
    timed: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            began = perf_counter()
            action()
            timed[name].append(perf_counter() - began)
    return timed


def median(seconds: Sequence[float]) -> float:
    return statistics.median(seconds)


def p99(seconds: Sequence[float]) -> float:
    """Of each of some slices of time, and the median of these.

    One stall of a machine that others use, too, would else decide alone.
    """
    size = max(len(seconds) // SLICES, FEWEST)
    slices = [seconds[at : at + size] for at in range(0, len(seconds), size)]
    return median([statistics.quantiles(one, n=100)[98] for one in slices if one[1:]])


def p99_of_all(seconds: Sequence[float]) -> float:
    """Of all of them at once: with the stalls of the machine, that is."""
    return statistics.quantiles(seconds, n=100)[98]


def title(text: str) -> None:
    print(f"\n{text}")


def show(timed: Mapping[str, Sequence[float]]) -> None:
    """A line for each: its median and both kinds of p99, in microseconds."""
    for name, seconds in timed.items():
        middle, last = median(seconds) * 1e6, p99(seconds) * 1e6
        every = p99_of_all(seconds) * 1e6
        print(
            f"  {name:34} median {middle:9.1f} us   p99 of slices {last:9.1f} us   "
            f"p99 of all {every:9.1f} us"
        )


def ratio(what: str, ours: float, theirs: float, goal: float | None = None) -> None:
    """One ratio, and the goal that it is to stay below."""
    found = ours / theirs
    wished = "" if goal is None else f"   goal at most {goal}: {_word(found <= goal)}"
    print(f"  {what}: {found:.2f}{wished}")


def at_least(what: str, ours: float, theirs: float, goal: float) -> None:
    """One ratio, and the goal that it is to reach."""
    found = ours / theirs
    print(f"  {what}: {found:.2f}   goal at least {goal}: {_word(found >= goal)}")


def count(what: str, found: int, goal: int | None = None) -> None:
    """A number, and the only good one."""
    wished = "" if goal is None else f"   goal {goal}: {_word(found == goal)}"
    print(f"  {what}: {found}{wished}")


def not_measured(what: str, why: str) -> None:
    print(f"  {what}: not measured, {why}")


def _word(reached: bool) -> str:  # noqa: FBT001 - its one argument
    return "reached" if reached else "MISSED"
