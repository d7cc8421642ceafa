"""`GET /v1/events`: what a listener hears, what it costs, and how it ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from broker.ipc import server
from broker.ipc.stream import event_line
from broker.model.event import Event, EventKind
from broker.model.grant import GrantState
from broker.model.time import UnixTime
from broker.services.events import MOST_SUBSCRIPTIONS, QUEUE_EVENTS
from tests.fakes.clock import START, run_until_idle
from tests.ipc.conftest import Serve
from tests.ipc.served import Served
from tests.services.world import ISSUER, World, a_grant, a_world, token_answer

GET = b"GET /v1/events HTTP/1.1\r\nHost: b\r\n\r\n"
HELLO = {"event": "listening", "at": START.wall}
LONG = "x" * 4096


def an_event(kind: EventKind = EventKind.SAVED, reason: str | None = None) -> Event:
    return Event(kind=kind, at=UnixTime(1_800_000_007.5), reason=reason)


class Listener:
    """A peer on the stream, which reads when it is told to."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self.writer = writer
        self.head = b""

    async def begin(self) -> None:
        self.writer.write(GET)
        self.head = await self._reader.readuntil(b"\r\n\r\n")

    async def hear(self) -> dict[str, object]:
        """The next event."""
        lines = await self.hear_chunk()
        (line,) = lines
        return line

    async def hear_chunk(self) -> list[dict[str, object]]:
        """All events of the next chunk; none at the end of the stream."""
        size = int(await self._reader.readline(), 16)
        chunk = (await self._reader.readexactly(size + 2))[:-2]
        assert not chunk or chunk.endswith(b"\n")
        return [json.loads(line) for line in chunk.splitlines()]

    async def rest(self) -> bytes:
        """Everything until the other end hangs up."""
        try:
            return await self._reader.read()
        except ConnectionError:
            return b""


@asynccontextmanager
async def listening(served: Served) -> AsyncIterator[Listener]:
    reader, writer = await asyncio.open_unix_connection(str(served.path))
    listener = Listener(reader, writer)
    try:
        await listener.begin()
        yield listener
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_listener_hears_at_once_that_it_listens_and_then_what_happens(
    served: Served,
) -> None:
    served.world.sender.script(token_answer())
    async with listening(served) as listener:
        assert b"Content-Type: application/x-ndjson\r\n" in listener.head
        assert await listener.hear() == HELLO
        await served.ask("POST", "/v1/token", {"account": "work"})
        assert await listener.hear() == {
            "event": "token_renewed",
            "at": START.wall,
            "account": "work",
            "issuer": ISSUER.url,
        }


async def test_no_token_is_in_any_line(served: Served) -> None:
    served.world.sender.script(token_answer("c4n4ry", refresh_token="c4n4ry-2"))
    async with listening(served) as listener:
        await served.ask("POST", "/v1/token", {"account": "work"})
        lines = [await listener.hear(), await listener.hear()]
    assert "c4n4ry" not in json.dumps(lines)


async def test_a_late_listener_hears_what_stands(serve: Serve) -> None:
    dead = replace(a_grant(), state=GrantState.DEAD, ended_because="revoked")
    world = await a_world(dead)
    served = await serve(world)
    async with listening(served) as listener:
        hello, standing = await listener.hear_chunk()
    assert hello == HELLO
    assert standing == {
        "event": "login_needed",
        "at": START.wall,
        "account": "work",
        "issuer": ISSUER.url,
        "reason": "revoked",
    }


async def test_it_works_while_the_store_is_locked_and_says_so(serve: Serve) -> None:
    world = World(source="passphrase")
    world.door.passphrase = "open sesame"
    await world.vault.open_at_start()
    served = await serve(world)
    async with listening(served) as listener:
        _, locked = await listener.hear_chunk()
    assert locked["event"] == "locked"
    assert locked["reason"] == world.vault.locked_because


def test_a_line_leaves_out_what_is_not_known_and_is_one_line() -> None:
    line = event_line(an_event(reason="two\nlines"))
    assert line.count(b"\n") == 1
    assert json.loads(line) == {
        "event": "saved",
        "at": 1_800_000_007.5,
        "reason": "two\nlines",
    }


async def test_a_listener_that_leaves_is_forgotten_without_an_event(
    served: Served,
) -> None:
    async with listening(served) as listener:
        await listener.hear()
        assert served.world.events.listeners == 1
    await run_until_idle()
    assert served.world.events.listeners == 0


async def test_an_idle_listener_causes_no_timer(served: Served) -> None:
    loop = asyncio.get_running_loop()
    before = set(_timers(loop))
    async with listening(served) as listener:
        await listener.hear()
        await run_until_idle()
        assert set(_timers(loop)) - before == set()


def _timers(loop: asyncio.AbstractEventLoop) -> list[asyncio.TimerHandle]:
    """What the loop will wake up for; uvloop does not tell, so not on it."""
    scheduled: list[asyncio.TimerHandle] = loop._scheduled  # type: ignore[attr-defined]
    return [timer for timer in scheduled if not timer.cancelled()]


async def test_one_that_does_not_read_costs_a_bounded_queue_and_is_told(
    served: Served,
) -> None:
    told = 4 * QUEUE_EVENTS
    async with listening(served) as listener:
        await listener.hear()
        for _ in range(told):
            served.world.events.publish(an_event(reason=LONG))
            await asyncio.sleep(0)
        await run_until_idle()
        served.world.events.publish(an_event(EventKind.UNLOCKED))
        heard = [await listener.hear()]
        while heard[-1]["event"] != "unlocked":
            heard.append(await listener.hear())
    kinds = [event["event"] for event in heard]
    assert kinds.count("missed") == 1
    assert len(kinds) < told


async def test_the_end_of_the_daemon_is_the_last_line_and_the_end_of_the_stream(
    served: Served,
) -> None:
    async with listening(served) as listener:
        await listener.hear()
        served.world.events.publish(an_event(EventKind.STOPPING))
        assert (await listener.hear())["event"] == "stopping"
        assert await listener.hear_chunk() == []


@pytest.mark.parametrize("reads", [True, False])
async def test_a_listener_does_not_hold_up_the_end(
    served: Served, monkeypatch: pytest.MonkeyPatch, *, reads: bool
) -> None:
    monkeypatch.setattr(server, "STOP_SECONDS", 3600)
    async with listening(served) as listener:
        for _ in range(0 if reads else 4 * QUEUE_EVENTS):
            served.world.events.publish(an_event(reason=LONG))
            await asyncio.sleep(0)
        await run_until_idle()
        served.world.events.publish(an_event(EventKind.STOPPING))
        async with asyncio.timeout(10):  # a server that waits on would hang the suite
            await served.server.close()
            ended = await listener.rest()
    assert ended.endswith(b'"at":1800000007.5}\n\r\n0\r\n\r\n') is reads


async def test_there_is_room_for_so_many_listeners_and_again_when_one_leaves(
    served: Served,
) -> None:
    events = served.world.events
    held = [events.subscribe() for _ in range(MOST_SUBSCRIPTIONS)]
    for one in held:
        one.__enter__()
    said = await served.ask("GET", "/v1/events")
    assert (said.status, said.code) == (503, "too_many_listeners")
    held.pop().__exit__(None, None, None)
    async with listening(served) as listener:
        assert await listener.hear() == HELLO
    for one in held:
        one.__exit__(None, None, None)


async def test_a_filter_that_there_is_not_is_refused(served: Served) -> None:
    said = await served.ask("GET", "/v1/events?account=work")
    assert (said.status, said.code) == (400, "bad_request")


async def test_the_head_alone_cannot_be_asked_for(served: Served) -> None:
    assert (await served.ask("HEAD", "/v1/events")).status == 405


async def test_a_daemon_that_is_ending_begins_no_stream(served: Served) -> None:
    served.world.vault.begin_to_close()
    said = await served.ask("GET", "/v1/events")
    assert (said.status, said.code) == (503, "stopping")
