"""Restricted sockets, bound and served, and cut off."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from broker.ipc.restricted_doors import RestrictedDoors
from broker.ipc.server import STOP_SECONDS
from broker.model.errors import SocketUnusableError
from broker.model.restriction import Restriction, SocketName
from broker.model.time import UnixTime
from tests.ipc.conftest import Serve
from tests.ipc.served import Served, parse
from tests.services.world import WORK, a_grant, a_world, token_answer

CI = Restriction(name=SocketName("ci"), accounts=(WORK,), made_at=UnixTime(0))
TOKEN = b"POST /v1/token HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\n{}"
ACCOUNTS = b"GET /v1/accounts HTTP/1.1\r\nHost: b\r\n\r\n"
NARROWER = (
    b"POST /v1/token HTTP/1.1\r\nHost: b\r\nContent-Length: 20\r\n\r\n"
    b'{"scopes":["drive"]}'
)


class Conversation:
    """A connection that stays open."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, sent: bytes) -> dict[str, object]:
        self.writer.write(sent)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        return parse(head + await self.reader.readexactly(length)).json


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
async def served(serve: Serve) -> Served:
    world = await a_world(a_grant())
    world.sender.answer_always(token_answer())
    return await serve(world)


@pytest.fixture
def doors(served: Served, runtime: Path) -> RestrictedDoors:
    return RestrictedDoors(served.server, runtime)


def doors_folder(doors: RestrictedDoors) -> Path:
    return Path(doors.path(CI)).parent.parent


async def connected(doors: RestrictedDoors) -> Conversation:
    return Conversation(*await asyncio.open_unix_connection(doors.path(CI)))


async def test_its_peers_are_asked_about_with_it(
    doors: RestrictedDoors, served: Served
) -> None:
    await doors.open(CI)
    peer = await connected(doors)
    assert (await peer.ask(TOKEN))["account"] == "work"
    assert (await peer.ask(TOKEN))["access_token"] == "access-1"
    peer.writer.write(b"GET /v1/status HTTP/1.1\r\nHost: b\r\n\r\n")
    assert b" 403 " in await peer.reader.readline()
    peer.writer.close()
    assert (await served.ask("GET", "/v1/status")).status == 200


async def test_when_it_is_closed_everybody_is_cut_off_and_nobody_comes_in(
    doors: RestrictedDoors, served: Served
) -> None:
    await doors.open(CI)
    met, behind, waiting, silent = [await connected(doors) for _ in range(4)]
    await met.ask(TOKEN)
    await behind.ask(ACCOUNTS)
    # One that waits for its issuer, which does not answer before the end.
    gate = served.world.sender.hold()
    waiting.writer.write(NARROWER)
    while not served.world.sender.under_way:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0)
    async with asyncio.timeout(STOP_SECONDS / 4):  # it would wait for half of it
        await doors.close(CI)
    for peer in (met, behind, waiting, silent):
        with contextlib.suppress(ConnectionError):
            assert await peer.reader.read() == b""
        peer.writer.close()
    gate.set()
    with pytest.raises(FileNotFoundError):
        await connected(doors)
    assert list(doors_folder(doors).iterdir()) == []
    assert (await served.ask("GET", "/v1/status")).status == 200


async def test_it_can_be_opened_again(doors: RestrictedDoors) -> None:
    for _ in range(2):
        await doors.open(CI)
        peer = await connected(doors)
        await peer.ask(TOKEN)
        peer.writer.close()
        await doors.close(CI)


async def test_at_the_end_of_the_daemon_the_folders_stay(
    doors: RestrictedDoors, served: Served
) -> None:
    await doors.open(CI)
    path = Path(doors.path(CI))
    await served.server.close()
    doors.leave()
    assert list(path.parent.iterdir()) == []
    (path.parent.parent / "old").mkdir()
    doors.sweep(frozenset({"ci"}))
    assert [each.name for each in path.parent.parent.iterdir()] == ["ci"]


async def test_where_it_cannot_lie_nothing_is_served(
    doors: RestrictedDoors, runtime: Path
) -> None:
    (runtime / "sockets").mkdir(mode=0o755)
    with pytest.raises(SocketUnusableError):
        await doors.open(CI)
    doors.leave()
