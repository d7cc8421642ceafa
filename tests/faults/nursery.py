"""Starts daemons quickly, and opens their doors, as the person whose they are.

Runs as that user, in the Python that brokerd is installed in. What a daemon imports is
imported once, then each one is forked: it is the installed daemon, in a process of its
own, without the start of an interpreter. The sweeps start thousands.

Spoken to over a socket of packets, JSON and descriptors:

    {"start": {environment}, "words": [str]} [stderr]  ->  {"pid": int} [go, ready]
    {"wait": pid}                                      ->  {"status": int}
    {"connect": path}                                  ->  {} [socket] or {"error": str}

A daemon runs once a byte, or an end, has come through `go`; until then whoever wants
to trace it can.
"""

import importlib
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import broker.__main__ as brokerd

Answer = tuple[dict[str, object], list[int]]


def start(harness: socket.socket, order: dict[str, Any], stderr: int) -> Answer:
    go, starts = os.pipe()
    ready, says_ready = os.pipe()
    pid = os.fork()
    if pid == 0:
        harness.close()
        os.close(starts)
        os.close(ready)
        os.dup2(stderr, 2)
        os.close(stderr)
        os.read(go, 1)
        os.close(go)
        os.set_inheritable(says_ready, True)
        live([*order["words"], f"--ready-fd={says_ready}"], order["start"])
    for used in (go, says_ready, stderr):
        os.close(used)
    return {"pid": pid}, [starts, ready]


def live(words: list[str], environment: dict[str, str]) -> None:
    """The life of a daemon, from the first line of `brokerd` to its end."""
    status = 1
    try:
        os.chdir(environment["HOME"])
        os.environ.clear()
        os.environ.update(environment)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv = ["brokerd", *words]
        brokerd.main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    finally:
        sys.stderr.flush()
        os._exit(status)


def wait(pid: int) -> Answer:
    return {"status": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}, []


def connect(path: str) -> Answer:
    door = socket.socket(socket.AF_UNIX)
    try:
        door.connect(path)
    except OSError as exc:
        door.close()
        return {"error": str(exc)}, []
    return {}, [door.detach()]


def serve(harness: socket.socket) -> None:
    """Obey until the harness has closed its end."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(harness, 65536, 1)
        if not message:
            return
        order = json.loads(message)
        if "start" in order:
            answer, given = start(harness, order, descriptors[0])
        elif "wait" in order:
            answer, given = wait(order["wait"])
        else:
            answer, given = connect(order["connect"])
        socket.send_fds(harness, [json.dumps(answer).encode()], given)
        for descriptor in given:
            os.close(descriptor)


MODULES = (
    "broker.daemon",
    "broker.ipc.adding_routes",
    "broker.ipc.login_routes",
    "broker.ipc.moving_routes",
    "broker.ipc.store_routes",
    "broker.services.accounts",
    "broker.services.adding",
    "broker.services.deriving",
    "broker.services.minting_oauth",
    "broker.services.moving_in",
    "broker.services.store_making",
    "broker.sign_in_parts",
    "broker.store.key_changes",
    "broker.store.keys.secret_service",
)
"""What the daemons of a sweep import sooner or later, once for all of them."""

if __name__ == "__main__":
    for module in MODULES:
        importlib.import_module(module)
    # A fork must take no thread along, or a lock may be held for ever.
    assert len(list(Path("/proc/self/task").iterdir())) == 1
    with suppress(BrokenPipeError, ConnectionResetError):
        serve(socket.socket(fileno=int(sys.argv[1])))
