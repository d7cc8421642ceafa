"""Google in a process of its own, behind a proxy that leads every host to it.

    python -m tests.system.google_process CERTIFICATE

The daemon is not told of another Google: it asks the hosts that it always asks, through
a proxy, and over TLS with the certificate of an authority that the test made. What is
asked without the proxy, in the clear, is a workload's metadata service.

Takes one command a line on stdin, and answers each with one line, all in JSON:

    {"do": "open"} -> {"port": int, "key": the text of a service account's file}
    {"do": "answer", "url": str, "status": int, "body": object, "headers": {...}} -> {}
    {"do": "answer", "url": str, "status": null}    hangs up instead -> {}
    {"do": "answer", "url": str, "status": 0}    keeps whoever asks waiting -> {}
    {"do": "look"} -> {"hosts": [every host that was asked for],
                       "asked": [every URL], "assertions": [...], "bodies": [...],
                       "forms": [...]}
"""

import asyncio
import json
import ssl
import sys
from collections.abc import Mapping
from contextlib import suppress

from broker.model.http import HttpRequest, HttpResponse
from tests.fakes.sender import json_response
from tests.services.google import FakeGoogle, key_file


class Process:
    """One Google, and its door."""

    def __init__(self, certificate: str) -> None:
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls.load_cert_chain(certificate)
        self._google = FakeGoogle()
        self._hosts: list[str] = []
        self._mute: dict[str, bool] = {}
        self._server: asyncio.Server | None = None

    async def obey(self, command: Mapping[str, object]) -> object:
        """Do what a line says."""
        match command["do"]:
            case "open":
                self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
                port = self._server.sockets[0].getsockname()[1]
                return {"port": port, "key": key_file()}
            case "answer":
                self._answer(command)
                return {}
        google = self._google
        return {
            "hosts": self._hosts,
            "asked": google.asked,
            "assertions": google.assertions,
            "bodies": google.bodies,
            "forms": google.forms,
        }

    def _answer(self, command: Mapping[str, object]) -> None:
        url, status = str(command["url"]), command["status"]
        self._mute.pop(url, None)
        if not status:
            self._mute[url] = status == 0
            return
        headers = command["headers"]
        assert isinstance(status, int)
        assert isinstance(headers, dict)
        self._google.at[url] = json_response(command["body"], status, headers)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        # Whoever hangs up is the broker, as it may.
        with suppress(OSError, asyncio.IncompleteReadError):
            await self._served(reader, writer)
        writer.close()

    async def _served(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = await _head(reader)
        method, target = head[0].split()[:2]
        origin = f"http://{_headers(head).get('host', '')}"
        if method == "CONNECT":
            self._hosts.append(target)
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            await writer.drain()
            await writer.start_tls(self._tls)
            head = await _head(reader)
            method, target = head[0].split()[:2]
            origin = f"https://{target_host(self._hosts[-1])}"
        headers = _headers(head)
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        url = origin + target
        if url in self._mute:
            self._google.asked.append(url)
            if self._mute[url]:
                await asyncio.Event().wait()
            return
        request = HttpRequest(method=method, url=url, headers=headers, body=body)
        writer.write(_bytes(self._google(request)))
        await writer.drain()


def target_host(target: str) -> str:
    """The host that CONNECT names, without its port."""
    return target.rpartition(":")[0]


async def _head(reader: asyncio.StreamReader) -> list[str]:
    head = await reader.readuntil(b"\r\n\r\n")
    return head.decode("latin-1").strip().split("\r\n")


def _headers(head: list[str]) -> dict[str, str]:
    pairs = (line.split(": ", 1) for line in head[1:])
    return {name.lower(): value for name, value in pairs}


def _bytes(response: HttpResponse) -> bytes:
    headers = {**response.headers, "content-length": str(len(response.body))}
    lines = [f"HTTP/1.1 {response.status} As It Is", "connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + response.body


async def main() -> None:
    """Obey until stdin ends."""
    process = Process(sys.argv[1])
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        answer = json.dumps(await process.obey(json.loads(line)))
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
