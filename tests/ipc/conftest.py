import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.ipc.at_hand import LOOPS, Run
from tests.ipc.served import Served
from tests.services.world import World, a_grant, a_world

Serve = Callable[..., Awaitable[Served]]


@pytest.fixture(params=[True, False], ids=["front", "no front"])
def front(request: pytest.FixtureRequest) -> bool:
    """Every promise of the server is kept with the front and without it."""
    return bool(request.param)


@pytest.fixture
async def serve(tmp_path: Path, *, front: bool) -> AsyncIterator[Serve]:
    """Serves a world; what is served ends with the test."""
    served: list[Served] = []

    async def begin(world: World, **words: Any) -> Served:
        one = Served(world, tmp_path / f"{len(served)}.sock", front=front, **words)
        served.append(await one.start())
        return one

    yield begin
    for one in served:
        await one.close()


@pytest.fixture
async def served(serve: Serve) -> Served:
    """A broker with one account, 'work', whose token is not cached yet."""
    return await serve(await a_world(a_grant()))


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    """Runs to the end on either event loop."""

    def to_the_end(coroutine: Coroutine[None, None, None]) -> None:
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            runner.run(coroutine)

    return to_the_end
