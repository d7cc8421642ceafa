"""One peer that asks as fast as it can: a kept connection, many requests at once.

    python3 soaker.py SOCKET REQUESTS ACCOUNT...

Asks for the accounts in turn and prints a JSON object: how often each status came.
Run as the person, by their own Python: it knows the standard library alone.
"""

import json
import socket
import sys
from collections import Counter
from typing import BinaryIO

PIPELINED = 64
"""Requests on their way at once."""

PATIENCE_SECONDS = 60


def request(account: str) -> bytes:
    body = json.dumps({"account": account})
    head = f"POST /v1/token HTTP/1.1\r\nHost: b\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n{body}".encode()


def status(answers: BinaryIO) -> str:
    """Of the next answer, which is read to its end."""
    first, length = answers.readline(), 0
    while (line := answers.readline()) != b"\r\n":
        if line.lower().startswith(b"content-length:"):
            length = int(line[15:])
    answers.read(length)
    return first.split()[1].decode()


def soak(peer: socket.socket, requests: int, accounts: list[str]) -> Counter[str]:
    texts, answers = [request(name) for name in accounts], peer.makefile("rb")
    found: Counter[str] = Counter()
    for begin in range(0, requests, PIPELINED):
        batch = range(begin, min(begin + PIPELINED, requests))
        peer.sendall(b"".join(texts[n % len(texts)] for n in batch))
        found.update(status(answers) for _ in batch)
    return found


def main(path: str, requests: str, *accounts: str) -> None:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(PATIENCE_SECONDS)
        peer.connect(path)
        print(json.dumps(soak(peer, int(requests), list(accounts))))


main(*sys.argv[1:])
