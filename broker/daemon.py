"""Runs the parts until a signal, or `brokerctl stop`.

The order matters: hardened first, then the locks, then sockets and store. Two
daemons would spend the same rotating refresh token, and so lose the grant.
"""

import asyncio
import contextlib
import gc
import itertools
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Collection

import msgspec

from broker.config import Config
from broker.host import (
    ADMIN_BACKLOG,
    Place,
    forget_events,
    give_back_code,
    harden,
    notify,
    runtime_directory,
    state_directory,
    take_place,
    watch,
    watchdog_interval,
)
from broker.ipc.problems import problem
from broker.model.account import AccountName
from broker.model.errors import BrokerError, StoreFailedError
from broker.model.peer import Socket
from broker.parts import Parts, read_config
from brokerd_client.exit_codes import exit_code

log = logging.getLogger(__name__)

ADMIN = "admin"

_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_SIGNALS_TO_END = 3


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The words of the command line.

    Attributes:
        log_level: 'debug', 'info', 'warning' or 'error'.
        ready_fd: where to say that we serve, or why not; None for nowhere.
        front: whether cached tokens are answered in front of the HTTP server.
    """

    log_level: str = "info"
    ready_fd: int | None = None
    front: bool = True


def serve(options: Options) -> int:
    """Run the daemon; returns its exit code."""
    try:
        harden()
        _log_to_stderr(options.log_level)
        config = read_config()
        place = take_place(runtime_directory(), state_directory(), os.environ)
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                lost = runner.run(_run(place, options, config))
        finally:
            place.leave()
    except BrokerError as exc:
        _report(options.ready_fd, _tell(exc))
        return exit_code(exc.code)
    return tell_lost(lost)


def tell_lost(accounts: Collection[AccountName]) -> int:
    """The exit code of a daemon that has ended; what it could not save is told."""
    if not accounts:
        return 0
    names = ", ".join(accounts)
    what = f"the newest sign-ins of {names} were in memory alone, and are lost"
    error = StoreFailedError(what=what)
    _tell(error)
    return exit_code(error.code)


def _tell(error: BrokerError) -> dict[str, object]:
    """Say it to whoever reads stderr; the problem document."""
    document = problem(error)
    sys.stderr.write(f"brokerd: error: {document['detail']}\n")
    sys.stderr.write(f"brokerd: hint: {document['hint']}\n")
    return document


async def _run(
    place: Place, options: Options, config: Config
) -> Collection[AccountName]:
    """Serve until the end; the accounts whose newest grant could not be saved."""
    stopped = _stop_event(place)
    parts = Parts(str(place.socket), stopped.set, config, front=options.front)
    await parts.vault.open_at_start()
    for door in place.doors:
        own = Socket(name=ADMIN, owner_uid=os.geteuid())
        await parts.server.serve(door, own, ADMIN_BACKLOG)
    # What is there now stays: collecting need not walk through it while a peer waits.
    gc.freeze()
    log.info("daemon.started pid=%d store=%s", os.getpid(), parts.vault.state.value)
    _report(options.ready_fd, {"ready": True})
    notify(os.environ, f"READY=1\nSTATUS=store {parts.vault.state.value}")
    give_back_code()
    watchdog = asyncio.create_task(_ping_watchdog(), name="watchdog")
    await stopped.wait()
    log.info("daemon.stopping")
    notify(os.environ, "STOPPING=1")
    watchdog.cancel()
    lost = await parts.close()
    log.info("daemon.stopped")
    return lost


def _stop_event(place: Place) -> asyncio.Event:
    """Set by a signal to end, or when nobody can reach us any more."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    _heed_signals(loop, stopped)
    watched = watch(place.folders)
    if watched is None:
        return stopped

    def look() -> None:
        forget_events(watched)
        if not place.is_reachable():
            log.warning("daemon.unreachable socket=%s", place.socket)
            loop.remove_reader(watched)
            stopped.set()

    loop.add_reader(watched, look)
    return stopped


def _heed_signals(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    """The first signal asks us to end; the third ends us, as it ends any program.

    Between them what is on the wire is awaited: a refresh that is cut off may cost
    its grant.
    """
    told = itertools.count(1)

    def heed() -> None:
        stopped.set()
        if next(told) == _SIGNALS_TO_END - 1:
            for number in _ENDING:
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_DFL)
        log.info("daemon.told")

    for number in _ENDING:
        loop.add_signal_handler(number, heed)


async def _ping_watchdog() -> None:
    """Tell the service manager that the loop still turns, where it asks for that."""
    interval = watchdog_interval(os.environ)
    while interval is not None:
        notify(os.environ, "WATCHDOG=1")
        await asyncio.sleep(interval)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - has no wheel for every system
    except ImportError:
        return None
    return uvloop.new_event_loop


def _log_to_stderr(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("broker").setLevel(level.upper())


def _report(ready_fd: int | None, document: dict[str, object]) -> None:
    """Tell whoever started us how it went, once, where he asked for it."""
    if ready_fd is None:
        return
    with contextlib.suppress(OSError):  # he no longer waits
        os.write(ready_fd, json.dumps(document).encode() + b"\n")
        os.close(ready_fd)
