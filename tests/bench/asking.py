"""A program that goes on asking for tokens of one account, each time for another."""

import itertools
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.bench.broker import Broker

EVERY_SECONDS = 0.05
"""Rare enough that the work for it is not what a p99 shows."""


@contextmanager
def asking(broker: Broker, account: str) -> Iterator[None]:
    """Ask for it, without waiting for answers, from now to the end of the block."""
    enough, has_begun = threading.Event(), threading.Event()

    def go_on() -> None:
        with ExitStack() as connections:
            for number in itertools.count():
                connected = connections.enter_context(socket.socket(socket.AF_UNIX))
                connected.connect(str(broker.socket))
                connected.sendall(_request(account, number))
                has_begun.set()
                if enough.wait(EVERY_SECONDS):
                    return

    thread = threading.Thread(target=go_on, name=f"asks for {account}")
    thread.start()
    try:
        assert has_begun.wait(20), f"nobody could ask for {account}"
        yield
    finally:
        enough.set()
        thread.join()


def _request(account: str, number: int) -> bytes:
    wanted = {
        "account": account,
        "scopes": [("files", "mail")[number % 2]],
        "resource": f"https://api.example/{number}",
    }
    body = json.dumps(wanted).encode()
    head = f"POST /v1/token HTTP/1.1\r\nHost: b\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
