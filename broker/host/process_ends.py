"""Told by the kernel when a process ends. Knows not whose it is, or what ends with it.

Without it a daemon would have to wake up and look, again and again. Linux only;
elsewhere no process is known, and so nobody is told.

Source: pidfd_open(2).
"""

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from broker.host.peer_facts_linux import is_alive
from broker.host.proc_texts import parse_stat
from broker.model.peer_facts import PeerFacts
from broker.model.restriction import Runner


class ProcessEnds:
    """Satisfies the services' `Processes`."""

    def runner(self, facts: PeerFacts) -> Runner | None:
        """The process that was looked at, by what tells it from any other."""
        if sys.platform != "linux" or facts.pid is None or facts.started is None:
            return None
        return Runner(pid=facts.pid, started=facts.started)

    def lives(self, runner: Runner) -> bool:
        """Whether it has not ended."""
        pidfd = _held(runner)
        if pidfd is None:
            return False
        os.close(pidfd)
        return True

    def watch(self, runner: Runner, ended: Callable[[], None]) -> Callable[[], None]:
        """Have `ended` called once it has ended; what is given back forgets it."""
        loop, pidfd = asyncio.get_running_loop(), _held(runner)
        if pidfd is None:
            return loop.call_soon(ended).cancel

        def forget() -> None:
            if loop.remove_reader(pidfd):
                os.close(pidfd)

        def has_ended() -> None:
            forget()
            ended()

        loop.add_reader(pidfd, has_ended)
        return forget


def _held(runner: Runner) -> int | None:
    """A descriptor of the process, or None where it has ended."""
    with suppress(OSError):
        pidfd = os.pidfd_open(runner.pid)
        # The number is nobody else's from here on: so who started then is who is held.
        if is_alive(pidfd) and _started(runner.pid) == runner.started:
            return pidfd
        os.close(pidfd)
    return None


def _started(pid: int) -> int | None:
    with suppress(OSError):
        stat = parse_stat(Path(f"/proc/{pid}/stat").read_bytes())
        return None if stat is None else stat.started
    return None
