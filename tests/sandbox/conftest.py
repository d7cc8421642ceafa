from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from msgspec.structs import replace

from broker.sandbox.server import SandboxOptions, start_sandbox
from tests.sandbox.program import MovableClock, Program

StartProgram = Callable[[SandboxOptions], Awaitable[Program]]


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def options(tmp_path: Path, clock: MovableClock) -> SandboxOptions:
    return SandboxOptions(folder=tmp_path / "sandbox", clock=clock)


@pytest.fixture
async def start() -> AsyncIterator[StartProgram]:
    async with AsyncExitStack() as stack:

        async def start_one(options: SandboxOptions) -> Program:
            sandbox = await start_sandbox(options)
            stack.push_async_callback(sandbox.close)
            session = await stack.enter_async_context(aiohttp.ClientSession())
            return Program.of(sandbox, session)

        yield start_one


@pytest.fixture
async def program(start: StartProgram, options: SandboxOptions) -> Program:
    """At a sandbox that approves by itself."""
    return await start(replace(options, auto_approve=True))


@pytest.fixture
async def asking(start: StartProgram, options: SandboxOptions) -> Program:
    """At a sandbox that shows its consent page."""
    return await start(options)
