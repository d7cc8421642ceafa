"""Puts the parts together and runs them until a signal, or `brokerctl stop`.

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
import secrets
import signal
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from broker import __version__
from broker.config import CONFIG_NAME, Config, parse_config
from broker.host import (
    ADMIN_BACKLOG,
    Place,
    SystemClock,
    config_directory,
    forget_events,
    harden,
    look_at_premises,
    notify,
    read_persons_file,
    runtime_directory,
    scrub_environment,
    state_directory,
    take_place,
    watch,
    watchdog_interval,
)
from broker.ipc.problems import problem
from broker.ipc.routes import DaemonFacts, Routes, Services
from broker.ipc.server import PeerServer
from broker.model.account import AccountName
from broker.model.errors import BrokerError, StoreFailedError
from broker.model.event import Event, EventKind
from broker.model.issuer import IssuerPreset
from broker.model.peer import Socket
from broker.model.way import Way
from broker.net.loopback import LoopbackListener
from broker.net.outbound import Outbound
from broker.oauth.presets import (
    LatePresets,
    parse_config_presets,
    parse_presets,
    with_config_presets,
)
from broker.services.access import Access
from broker.services.accounts import Accounts
from broker.services.by_device import ByDevice
from broker.services.by_redirect import BY_REDIRECT, ByRedirect
from broker.services.clients import Clients
from broker.services.doctor import Doctor
from broker.services.events import Events
from broker.services.logins import LoginService
from broker.services.proofs import Proofs
from broker.services.proving import ProvingSender
from broker.services.redemption import Redeemer
from broker.services.registering import Registering
from broker.services.sign_in import SignIns
from broker.services.store_making import StoreMaker
from broker.services.vault import Vault
from broker.services.way_in import WayIn
from broker.store.door import STORE_NAME, FileDoor
from broker.store.key_changes import KeyChanges
from brokerd_client.exit_codes import exit_code

log = logging.getLogger(__name__)

ADMIN = "admin"

_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_SIGNALS_TO_END = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
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
        scrub_environment(os.environ)
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


def config_path() -> Path:
    """Where the person's file is, or would be."""
    return config_directory() / CONFIG_NAME


def read_config() -> Config:
    """The person's file, read once; all defaults where there is none.

    Raises:
        ConfigError: it cannot be used, or others can write it.
    """
    path = config_path()
    return parse_config(read_persons_file(path) or "", str(path))


async def _run(
    place: Place, options: Options, config: Config
) -> Collection[AccountName]:
    """Serve until the end; the accounts whose newest grant could not be saved."""
    stopped = _stop_event(place)
    parts = _Parts(str(place.socket), stopped.set, config)
    await parts.vault.open_at_start()
    access = parts.services.access
    server = PeerServer(Routes(parts.services), front=access if options.front else None)
    for door in place.doors:
        own = Socket(name=ADMIN, owner_uid=os.geteuid())
        await server.serve(door, own, ADMIN_BACKLOG)
    # What is there now stays: collecting need not walk through it while a peer waits.
    gc.freeze()
    log.info("daemon.started pid=%d store=%s", os.getpid(), parts.vault.state.value)
    _report(options.ready_fd, {"ready": True})
    notify(os.environ, f"READY=1\nSTATUS=store {parts.vault.state.value}")
    watchdog = asyncio.create_task(_ping_watchdog(), name="watchdog")
    await stopped.wait()
    log.info("daemon.stopping")
    notify(os.environ, "STOPPING=1")
    watchdog.cancel()
    lost = await parts.close(server)
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


class _Parts:
    """Everything that lives as long as the daemon, introduced to each other."""

    def __init__(
        self, socket_path: str, stop: Callable[[], None], config: Config
    ) -> None:
        clock = SystemClock()
        self.config = config
        self.outbound = Outbound(
            version=__version__,
            network=config.network,
            environ=os.environ,
            now=clock.now,
        )
        self.sender = ProvingSender(
            self.outbound, clock=clock, random=secrets.token_bytes
        )
        door = FileDoor(state_directory() / STORE_NAME)
        keys = KeyChanges(door)
        self.events = Events()
        self.vault = Vault(
            door=door,
            sender=self.sender,
            clock=clock,
            events=self.events,
            lock_after_idle=config.store.lock_after_idle,
        )
        self.registering = Registering(
            sender=self.sender,
            clock=clock,
            random=secrets.token_bytes,
            version=__version__,
        )
        presets = _presets(config)
        self.logins = LoginService(
            vault=self.vault,
            sign_ins=SignIns(
                presets=presets, sender=self.sender, clients=self._clients()
            ),
            ways=self._ways(clock),
            clock=clock,
            random=secrets.token_bytes,
        )
        access = Access(vault=self.vault)
        self.services = Services(
            facts=DaemonFacts(
                version=__version__,
                pid=os.getpid(),
                started_at=clock.now().wall,
                socket=socket_path,
                config=str(config_path()),
            ),
            vault=self.vault,
            maker=StoreMaker(vault=self.vault, door=door, clock=clock),
            keys=keys,
            access=access,
            proofs=Proofs(access=access, clock=clock, random=secrets.token_bytes),
            logins=self.logins,
            accounts=Accounts(
                vault=self.vault,
                clock=clock,
                events=self.events,
                registering=self.registering,
            ),
            events=self.events,
            presets=presets,
            clock=clock,
            doctor=Doctor(
                vault=self.vault,
                keys=keys,
                look=partial(look_at_premises, is_daemon=True),
            ),
            stop=stop,
        )

    def _clients(self) -> Clients:
        return Clients(
            sender=self.sender,
            registering=self.registering,
            document=self.config.login.client_id_metadata,
        )

    def _ways(self, clock: SystemClock) -> Mapping[Way, WayIn]:
        redeemer = Redeemer(
            vault=self.vault, sender=self.sender, clock=clock, events=self.events
        )
        by_redirect = ByRedirect(
            redeemer=redeemer,
            sender=self.sender,
            listener=LoopbackListener(),
            clock=clock,
            random=secrets.token_bytes,
        )
        by_device = ByDevice(
            vault=self.vault, redeemer=redeemer, sender=self.sender, clock=clock
        )
        return {**dict.fromkeys(BY_REDIRECT, by_redirect), Way.DEVICE: by_device}

    async def close(self, server: PeerServer) -> Collection[AccountName]:
        """What is on the wire ends, and is saved and answered; the store goes last.

        In less time than a service manager waits before it kills: each of the two
        has the outbound door's 25 seconds at most, and they pass together.

        Returns:
            The accounts whose newest grant is lost, see `Vault.close`.
        """
        self.vault.begin_to_close()
        at = self.services.clock.now().wall
        self.events.publish(Event(kind=EventKind.STOPPING, at=at))
        await asyncio.gather(self.logins.close(), server.close())
        await self.registering.close(self.vault.find)
        lost = await self.vault.close()
        await self.outbound.close()
        return lost


def _presets(config: Config) -> Mapping[str, IssuerPreset]:
    """All presets. The person's are read now, so that a mistake in them is told."""
    own = parse_config_presets(config.issuers, str(config_path()))
    return LatePresets(lambda: with_config_presets(_shipped_presets(), own))


def _shipped_presets() -> Mapping[str, IssuerPreset]:
    text = Path(__file__).with_name("issuers.toml").read_text("utf-8")
    return parse_presets(text)


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
