"""Many peers in one process: as many connections, all asking at once.

    python3 asker.py SOCKET PEERS BODY...

Peer N asks with body N modulo their number. Prints 'connected', and asks when SIGUSR1
comes; prints 'asked' when every request is on its way and, once all are answered, a
JSON object: each code of a problem, or SHA-256 of a token, with how often it came.
Run as the person, by their own Python: it knows the standard library alone.
"""

import asyncio
import hashlib
import json
import signal
import socket
import sys
from collections import Counter

PATIENCE_SECONDS = 120


def connected(path: str) -> socket.socket:
    """A connection; where the daemon's queue is full this waits, as connect(2) does."""
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(path)
    peer.setblocking(False)
    return peer


def request(body: str) -> bytes:
    head = f"POST /v1/token HTTP/1.1\r\nHost: broker\r\nContent-Length: {len(body)}"
    return f"{head}\r\nConnection: close\r\n\r\n{body}".encode()


async def answer(peer: socket.socket) -> str:
    loop, data = asyncio.get_running_loop(), b""
    while more := await loop.sock_recv(peer, 65536):
        data += more
    peer.close()
    document = json.loads(data.partition(b"\r\n\r\n")[2] or b'{"code": "cut off"}')
    if "code" in document:
        return str(document["code"])
    return hashlib.sha256(document["access_token"].encode()).hexdigest()


async def main(path: str, peers: str, *bodies: str) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    herd = [connected(path) for _ in range(int(peers))]
    print("connected", flush=True)
    signal.sigwait({signal.SIGUSR1})
    for number, peer in enumerate(herd):
        peer.send(request(bodies[number % len(bodies)]))
    print("asked", flush=True)
    async with asyncio.timeout(PATIENCE_SECONDS):
        answers = await asyncio.gather(*map(answer, herd))
    print(json.dumps(Counter(answers)))


asyncio.run(main(*sys.argv[1:]))
