from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.ipc.served import Served
from tests.services.world import World, a_grant, a_world

Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    """Serves a world; what is served ends with the test."""
    served: list[Served] = []

    async def begin(world: World, **words: int) -> Served:
        one = Served(world, tmp_path / f"{len(served)}.sock", **words)
        served.append(await one.start())
        return one

    yield begin
    for one in served:
        await one.close()


@pytest.fixture
async def served(serve: Serve) -> Served:
    """A broker with one account, 'work', whose token is not cached yet."""
    return await serve(await a_world(a_grant()))
