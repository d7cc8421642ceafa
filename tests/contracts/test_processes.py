"""What holds of whoever tells when a process ends."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop

from broker.host.proc_texts import parse_stat
from broker.host.process_ends import ProcessEnds
from broker.model.peer_facts import PeerFacts
from broker.model.restriction import Runner
from broker.services.interfaces import Processes
from tests.fakes.processes import FakeProcesses

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class Invented:
    """A process of the fake."""

    def __init__(self) -> None:
        self.processes = FakeProcesses()
        self.facts = PeerFacts(uid=1000, pid=4711, started=7)

    def end(self) -> None:
        self.processes.end(Runner(pid=4711, started=7))

    def close(self) -> None:
        pass


class Real:
    """A process of this system."""

    def __init__(self) -> None:
        self.processes = ProcessEnds()
        self._process = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE
        )
        pid = self._process.pid
        stat = parse_stat(Path(f"/proc/{pid}/stat").read_bytes())
        assert stat is not None
        self.facts = PeerFacts(uid=1000, pid=pid, started=stat.started)

    def end(self) -> None:
        self._process.kill()  # and nobody has waited for it yet

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(params=[Invented, Real])
def process(request: pytest.FixtureRequest) -> Iterator[Invented | Real]:
    made = request.param()
    yield made
    made.close()


def known(process: Invented | Real) -> tuple[Processes, Runner]:
    runner = process.processes.runner(process.facts)
    assert runner is not None
    return process.processes, runner


@pytest.fixture(params=LOOPS.values(), ids=list(LOOPS))
def run(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner


def test_its_end_is_told_once(process: Invented | Real, run: asyncio.Runner) -> None:
    processes, runner = known(process)
    told: list[int] = []

    async def wait() -> None:
        ended = asyncio.Event()

        def tell() -> None:
            told.append(1)
            ended.set()

        forget = processes.watch(runner, tell)
        assert processes.lives(runner)
        process.end()
        async with asyncio.timeout(10):  # one that is not told would hang the suite
            await ended.wait()
        forget()
        assert not processes.lives(runner)

    run.run(wait())
    assert told == [1]


def test_one_that_has_ended_before_is_told_too(
    process: Invented | Real, run: asyncio.Runner
) -> None:
    processes, runner = known(process)

    async def wait() -> None:
        first, second = asyncio.Event(), asyncio.Event()
        processes.watch(runner, first.set)
        process.end()
        async with asyncio.timeout(10):  # as above
            await first.wait()
            processes.watch(runner, second.set)
            await second.wait()

    run.run(wait())


def test_what_is_forgotten_is_not_told(
    process: Invented | Real, run: asyncio.Runner
) -> None:
    processes, runner = known(process)

    async def wait() -> None:
        seen, told = asyncio.Event(), asyncio.Event()
        forget = processes.watch(runner, told.set)
        processes.watch(runner, seen.set)
        forget()
        process.end()
        async with asyncio.timeout(10):  # as above
            await seen.wait()
        assert not told.is_set()

    run.run(wait())


def test_a_process_of_which_too_little_is_known_is_none() -> None:
    for processes in (FakeProcesses(), ProcessEnds()):
        assert processes.runner(PeerFacts(uid=1000)) is None
        assert processes.runner(PeerFacts(uid=1000, pid=7)) is None


def test_another_process_of_the_same_number_is_not_the_one() -> None:
    process = Real()
    processes, runner = known(process)
    assert not processes.lives(Runner(pid=runner.pid, started=runner.started + 1))
    process.close()
