"""Processes that start and end as a test says. Satisfies `Processes`."""

from collections.abc import Callable

from broker.model.peer_facts import PeerFacts
from broker.model.restriction import Runner


class FakeProcesses:
    """Of a system that tells when one ends.

    Attributes:
        ended: those that run no more.
        watched: who is to be told.
    """

    def __init__(self) -> None:
        self.ended: set[Runner] = set()
        self.watched: list[tuple[Runner, Callable[[], None]]] = []

    def runner(self, facts: PeerFacts) -> Runner | None:
        if facts.pid is None or facts.started is None:
            return None
        return Runner(pid=facts.pid, started=facts.started)

    def lives(self, runner: Runner) -> bool:
        return runner not in self.ended

    def watch(self, runner: Runner, ended: Callable[[], None]) -> Callable[[], None]:
        watch = (runner, ended)
        self.watched.append(watch)
        if runner in self.ended:
            self.end(runner)
        return lambda: self.watched.remove(watch) if watch in self.watched else None

    def end(self, runner: Runner) -> None:
        """It ends now."""
        self.ended.add(runner)
        told = [watch for watch in self.watched if watch[0] == runner]
        for watch in told:
            self.watched.remove(watch)
            watch[1]()
