"""Those during whose work the store must stay open. Knows no store."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Holders:
    """How many there are now."""

    def __init__(self) -> None:
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """One, until the block ends."""
        self._count += 1
        self._none.clear()
        try:
            yield
        finally:
            self._count -= 1
            if not self._count:
                self._none.set()

    async def wait_for_none(self) -> None:
        """Return when nobody is left."""
        await self._none.wait()
