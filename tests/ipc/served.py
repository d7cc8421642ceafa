"""The real server on a real socket, in front of services on fakes."""

import asyncio
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import aiohttp

from broker.ipc import web
from broker.ipc.front import Front
from broker.ipc.rare_routes import RareServices
from broker.ipc.routes import DaemonFacts, Routes, Services
from broker.ipc.server import PeerServer
from broker.model.late import Late
from broker.model.peer import Socket
from broker.model.restriction import Restriction
from broker.model.time import UnixTime
from tests.services.world import World

BACKLOG = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer of the server."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """The media type, without its parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0]

    @property
    def json(self) -> dict[str, object]:
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value

    @property
    def code(self) -> object:
        """Of a problem document, which it must be."""
        assert self.kind == "application/problem+json", self.body
        assert self.json["status"] == self.status
        return self.json["code"]


def parse(answer: bytes) -> Said:
    """The one answer that `converse` gave back."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return Said(status=int(first.split(" ")[1]), headers=headers, body=body)


@dataclass
class Served:
    """A daemon's server, and a peer that asks it."""

    world: World
    path: Path
    owner_uid: int = field(default_factory=os.geteuid)
    front: bool = True
    restriction: Restriction | None = None
    stops: int = 0

    async def start(self) -> Self:
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        bound.bind(str(self.path))
        bound.setblocking(False)
        own = self.restriction
        name = "admin" if own is None else own.name
        door = Socket(name=name, owner_uid=self.owner_uid, restriction=own)
        front = self.world.access if self.front else None
        self.routes = Routes(self._services())
        self.server = PeerServer(self.routes, front=front)
        await self.server.serve(bound, door, BACKLOG)
        connector = aiohttp.UnixConnector(str(self.path))
        self.session = aiohttp.ClientSession("http://broker", connector=connector)
        return self

    @property
    def met(self) -> Front:
        """What meets the connections of the socket."""
        ((served,),) = self.server._served.values()
        assert served.front is not None
        return served.front

    @property
    def behind(self) -> web.Server:
        """What answers behind it."""
        ((served,),) = self.server._served.values()
        return served.http

    async def close(self) -> None:
        await self.session.close()
        await self.world.logins.close()
        await self.server.close()

    def _services(self) -> Services:
        world = self.world
        logins = Late(lambda: world.logins)
        consents = Late(lambda: world.consents)
        consents.get()  # and questions
        logins.get()  # tests begin logins without a request
        return Services(
            facts=DaemonFacts(
                version="1.2.3",
                pid=4711,
                started_at=UnixTime(1_800_000_000),
                socket=str(self.path),
                config=str(self.path.with_name("config.toml")),
            ),
            vault=world.vault,
            access=world.access,
            events=world.events,
            clock=world.clock,
            recorder=world.recorder,
            rare=RareServices(
                audit=world.audit,
                presets=world.presets,
                logins=logins,
                accounts=Late(lambda: world.accounts),
                adding=Late(lambda: world.adding),
                deriving=Late(lambda: world.deriving),
                moving_in=Late(lambda: world.moving_in),
                moving_out=Late(lambda: world.moving_out),
                maker=Late(lambda: world.maker),
                keys=Late(lambda: world.keys),
                doctor=Late(lambda: world.doctor),
                proofs=Late(lambda: world.proofs),
                looker=Late(lambda: world.looker),
                id_tokens=Late(lambda: world.id_tokens),
                sockets=Late(lambda: world.sockets),
                consents=consents,
                question_pages=Late(lambda: world.question_pages),
            ),
            stop=self._stop,
        )

    def _stop(self) -> None:
        self.stops += 1

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Said:
        """One request; `raw` stands in place of a JSON body."""
        data = raw if body is None else json.dumps(body).encode()
        async with self.session.request(
            method, path, data=data, headers=headers
        ) as reply:
            return Said(
                status=reply.status,
                headers=dict(reply.headers),
                body=await reply.read(),
            )

    async def converse(self, sent: bytes, *, hang_up: bool = False) -> bytes:
        """Raw bytes on a connection of their own; everything that comes back."""
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        writer.write(sent)
        if hang_up:
            writer.write_eof()
        try:
            return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()
