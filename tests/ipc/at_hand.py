"""A server whose front has a token at hand, on either event loop."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop

from broker.ipc.front import _Met
from tests.fakes.clock import run_until_idle
from tests.ipc.served import Served
from tests.services.world import a_grant, a_world, token_answer

Run = Callable[[Coroutine[None, None, None]], None]
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
STATUS = b"GET /v1/status HTTP/1.1\r\nHost: b\r\n\r\n"


@asynccontextmanager
async def at_hand(
    tmp_path: Path, owner_uid: int = os.geteuid(), *, front: bool = True
) -> AsyncIterator[Served]:
    """A front that has the token 'access-1' at hand; the issuer gives no other."""
    world = await a_world(a_grant())
    world.sender.script(token_answer())
    asked = await Served(world, tmp_path / "warm.sock").start()
    assert (await asked.ask("POST", "/v1/token", {})).status == 200
    await asked.close()
    path = tmp_path / "broker.sock"
    served = await Served(world, path, owner_uid, front=front).start()
    try:
        yield served
    finally:
        await served.close()


async def met(served: Served) -> _Met:
    """The one connection that waits in the front."""
    while not (waiting := served.met._waiting):
        await run_until_idle()
    (one,) = waiting
    return one
