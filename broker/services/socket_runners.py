"""Sockets that are there for one process, and end with it. Knows no system."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial

from broker.model.restriction import Restriction, SocketName
from broker.services.interfaces import Processes


class SocketRunners:
    """The processes of the sockets that are open.

    Args:
        processes: of this system.
        end: ends a socket whose process has ended.
    """

    def __init__(
        self,
        processes: Processes,
        end: Callable[[Restriction], Coroutine[object, object, None]],
    ) -> None:
        self._processes = processes
        self._end = end
        self._forgetting: dict[SocketName, Callable[[], None]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def has_ended(self, restriction: Restriction) -> bool:
        """Whether the process that the socket is for is no more."""
        runner = restriction.runner
        return runner is not None and not self._processes.lives(runner)

    def await_end(self, restriction: Restriction) -> None:
        """End the socket with its process, where it is for one."""
        if restriction.runner is not None:
            self._forgetting[restriction.name] = self._processes.watch(
                restriction.runner, partial(self._ended, restriction)
            )

    def forget(self, name: SocketName) -> None:
        """The socket is closed."""
        forget = self._forgetting.pop(name, None)
        if forget is not None:
            forget()

    async def close(self) -> None:
        """Await no end any more."""
        for name in list(self._forgetting):
            self.forget(name)
        for task in self._ending:
            task.cancel()
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _ended(self, restriction: Restriction) -> None:
        name = f"socket {restriction.name} ends"
        task = asyncio.create_task(self._end(restriction), name=name)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
