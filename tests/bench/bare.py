"""The least that asyncio can do, on the daemon's own loop: one read, one answer.

`python -m tests.bench.bare SOCKET` says "ready" when it listens.
"""

import asyncio
import sys
from typing import cast

import uvloop

BODY = b'{"access_token":"%b"}' % (b"x" * 43)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


class Bare(asyncio.Protocol):
    """Closes after its answer where the peer asks for that."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(ANSWER)
        if b"Connection: close" in data:
            self.transport.close()


async def serve(path: str) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_unix_server(Bare, path, backlog=4096)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
