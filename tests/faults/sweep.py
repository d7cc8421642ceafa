"""The kill sweep: a scenario, once for each moment at which its daemon can die.

A point counts only if strace's own log shows that this very injection killed the
process.
"""

import queue
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.faults.daemons import Daemon, Gone, Refused
from tests.faults.tracing import (
    Point,
    calls_in,
    died_at,
    killed_at,
    points_in,
    threads_of,
    traced,
)
from tests.faults.world import World

ATTEMPTS = 3
"""Threads race: a point may be passed by once, and met the next time."""


def nothing(_: World) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Scenario:
    """What a daemon is doing when it dies.

    Attributes:
        name: for the report.
        act: what happens while strace is there.
        prepare: what has happened before, at a daemon that then stops.
        between: what the person does while no daemon runs.
        reopen: what the person does after each start.
        check: what must be so afterwards, beside that nothing is lost.
        from_start: strace is there from the daemon's first line on.
        crashed: the daemon before did not stop: it was killed.
        audit: whether who got what is recorded, see `World.begin`.
        manners: of the issuer, see `issuer.Manners`.
    """

    name: str
    act: Callable[[World], None]
    prepare: Callable[[World], None] = nothing
    between: Callable[[World], None] = nothing
    reopen: Callable[[World], None] = nothing
    check: Callable[[World], None] = nothing
    from_start: bool = False
    crashed: bool = False
    audit: bool = False
    manners: dict[str, bool] = field(default_factory=dict)


@dataclass
class Result:
    """What a sweep has found.

    Attributes:
        counted: how many points killed the daemon.
        missed: those that were not met in any attempt.
        out_of_reach: how many moments strace cannot aim at.
        faults: what was lost, and where.
    """

    counted: int = 0
    missed: list[Point] = field(default_factory=list)
    out_of_reach: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.counted} points, {len(self.missed)} not met, "
            f"{self.out_of_reach} out of reach, {len(self.faults)} faults"
        )


def sweep(scenario: Scenario, worlds: Sequence[World]) -> Result:
    """Die at every point of a scenario, in all worlds at once."""
    for world in worlds:
        prepare(scenario, world)
    points, out_of_reach = dry_run(scenario, worlds[0])
    result = Result(out_of_reach=out_of_reach)
    todo: queue.SimpleQueue[Point] = queue.SimpleQueue()
    for point in points:
        todo.put(point)
    with ThreadPoolExecutor(len(worlds)) as lanes:
        done = [lanes.submit(_lane, scenario, world, todo, result) for world in worlds]
    for lane in done:
        lane.result()
    return result


def prepare(scenario: Scenario, world: World) -> None:
    """Make the state in which the scenario begins."""
    world.begin(audit=scenario.audit)
    world.manners = scenario.manners
    with world.running() as daemon:
        scenario.prepare(world)
        if not scenario.crashed:
            world.nursery.stop(daemon)
    scenario.between(world)
    world.keep()


def dry_run(scenario: Scenario, world: World) -> tuple[list[Point], int]:
    """Where the daemon might die, and how many of these moments cannot be hit."""
    world.back()
    with _begun(scenario, world) as daemon:
        threads = threads_of(daemon.pid)
        with traced(daemon.pid, world.trace):
            _live(scenario, world, daemon)
            world.nursery.kill(daemon)
    with world.running():
        _check(scenario, world)
    return points_in(calls_in(world.trace), world.person.home, threads)


def _lane(
    scenario: Scenario, world: World, todo: queue.SimpleQueue[Point], result: Result
) -> None:
    while True:
        try:
            point = todo.get_nowait()
        except queue.Empty:
            return
        if not any(_dies(scenario, world, point) for _ in range(ATTEMPTS)):
            result.missed.append(point)
            continue
        result.counted += 1
        try:
            with world.running():
                _check(scenario, world)
        except (AssertionError, OSError, Refused, Gone) as fault:
            log = world.nursery.log.read_text()
            result.faults.append(f"{point}: {fault!r}\n{log}")


def _dies(scenario: Scenario, world: World, point: Point) -> bool:
    """Whether the scenario was ended by death at this point."""
    world.back()
    with _begun(scenario, world) as daemon:
        threads = threads_of(daemon.pid)
        with killed_at(daemon.pid, world.trace, point, world.person.home):
            with suppress(Gone):
                _live(scenario, world, daemon)
            world.nursery.kill(daemon)
    strangers = threads if point.path is None and point.thread is None else []
    return died_at(world.trace, point, strangers)


@contextmanager
def _begun(scenario: Scenario, world: World) -> Iterator[Daemon]:
    """A daemon at the moment when strace may come."""
    daemon = world.nursery.daemon("--log-level=debug")
    try:
        if not scenario.from_start:
            assert "ready" in daemon.run()
        yield daemon
    finally:
        world.nursery.kill(daemon)


def _live(scenario: Scenario, world: World, daemon: Daemon) -> None:
    if scenario.from_start:
        daemon.run()
    scenario.act(world)


def _check(scenario: Scenario, world: World) -> None:
    scenario.reopen(world)
    world.check_that_nothing_is_lost()
    scenario.check(world)
    world.hunt()
