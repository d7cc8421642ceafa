"""Issuers that misbehave as they are told: many in one process, each on its own port.

    python -m tests.faults.faulty_issuer [CERTIFICATE WRONG_CERTIFICATE]

Takes one command a line on stdin, and answers each with one line, all in JSON:

    {"do": "open", "name": str, "host": str, "tls": bool} -> {"url": str}
    {"do": "set", "name": str, …}      attributes of RotatingIssuer -> {}
    {"do": "release", "name": str}     lets go what `hold` keeps back -> {}
    {"do": "look", "name": str} -> RotatingIssuer.seen()

Besides what `misbehaviour` lists, the fault of an issuer may be 'refused' (nobody
listens), 'mute' (accepts, and says nothing: no TLS either), 'wrong-host' (another
name's certificate) or 'mismatch' (its metadata names another issuer).
"""

import asyncio
import json
import socket
import ssl
import sys
from contextlib import suppress
from functools import partial
from urllib.parse import parse_qs

from tests.faults.misbehaviour import BEHAVIOURS, Exchange, reply
from tests.faults.rotating_issuer import RotatingIssuer

_BACKLOG = 1024


class Process:
    """All issuers of this process, each with its door: listening, or bound alone."""

    def __init__(self, certificates: list[str]) -> None:
        self._certificates = certificates
        self._issuers: dict[str, RotatingIssuer] = {}
        self._doors: dict[str, asyncio.Server | socket.socket] = {}

    async def obey(self, command: dict[str, object]) -> object:
        """Do what a line says."""
        name, deed = str(command.pop("name")), command.pop("do")
        if deed == "open":
            return await self._open(name, str(command["host"]), bool(command["tls"]))
        issuer = self._issuers[name]
        match deed:
            case "set":
                await self._set(name, issuer, command)
                return {}
            case "release":
                issuer.gate.set()
                return {}
        return issuer.seen()

    async def _open(self, name: str, host: str, with_tls: bool) -> object:  # noqa: FBT001
        context = None
        if with_tls:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(self._certificates[0])
        door = _bound(0)
        scheme, port = "https" if with_tls else "http", door.getsockname()[1]
        issuer = RotatingIssuer(url=f"{scheme}://{host}:{port}", tls=context)
        self._issuers[name] = issuer
        await self._listen(name, issuer, door)
        return {"url": issuer.url}

    async def _set(
        self, name: str, issuer: RotatingIssuer, changes: dict[str, object]
    ) -> None:
        for attribute, value in changes.items():
            setattr(issuer, attribute, value)
        issuer.gate = asyncio.Event()
        if issuer.tls:
            certificate = self._certificates[issuer.fault == "wrong-host"]
            issuer.tls.load_cert_chain(certificate)
        self._doors.pop(name).close()
        door = _bound(int(issuer.url.rpartition(":")[2]))
        if issuer.fault == "refused":
            # Bound all the same: nobody else may take the port meanwhile.
            self._doors[name] = door
        else:
            await self._listen(name, issuer, door)

    async def _listen(
        self, name: str, issuer: RotatingIssuer, door: socket.socket
    ) -> None:
        async def serve(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            # Whoever hangs up is the broker, as it may.
            with suppress(OSError, asyncio.IncompleteReadError):
                await _serve(issuer, reader, writer)
            writer.close()

        self._doors[name] = await asyncio.start_server(
            serve,
            sock=door,
            ssl=None if issuer.fault == "mute" else issuer.tls,
            backlog=_BACKLOG,
        )


def _bound(port: int) -> socket.socket:
    door = socket.socket()
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    door.bind(("127.0.0.1", port))
    return door


async def _serve(
    issuer: RotatingIssuer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    if issuer.fault == "mute":
        issuer.note("", {}, {})
        await asyncio.Event().wait()
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    lines = head.strip().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    path = lines[0].split(" ")[1]
    issuer.note(path, form, headers)
    if path == "/token":
        await _answer(issuer, form, writer)
    else:
        writer.write(reply(issuer.metadata()))
    await writer.drain()


async def _answer(
    issuer: RotatingIssuer, form: dict[str, str], writer: asyncio.StreamWriter
) -> None:
    def taken(size: int) -> None:
        issuer.sent += size

    exchange = Exchange(
        writer=writer,
        healthy=partial(issuer.token, form),
        gate=issuer.gate,
        elsewhere=issuer.elsewhere,
        sent=taken,
    )
    behave = BEHAVIOURS.get(issuer.fault or "")
    grant = issuer.begin(form)
    try:
        if behave is None:
            await exchange.say(exchange.healthy())
        else:
            await behave(exchange)
    finally:
        issuer.end(grant)


async def main(certificates: list[str]) -> None:
    """Obey until stdin ends."""
    process, loop = Process(certificates), asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        answer = await process.obey(json.loads(line))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
