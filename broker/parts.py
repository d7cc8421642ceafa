"""The parts of the daemon, introduced to each other. Knows no order in time.

What few daemons ever need is a `Late` part: it is imported and made when somebody first
asks for it, and what it needs is imported by nothing else. A new part of that kind
belongs here, or among the parts of signing in.
"""

import asyncio
import os
import secrets
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from broker import __version__
from broker.config import CONFIG_NAME, Config, parse_config
from broker.host import (
    SystemClock,
    config_directory,
    read_persons_file,
    state_directory,
)
from broker.ipc.rare_routes import RareServices
from broker.ipc.routes import DaemonFacts, Routes, Services
from broker.ipc.server import PeerServer
from broker.model.account import AccountName
from broker.model.event import Event, EventKind
from broker.model.issuer import IssuerPreset
from broker.model.late import Late, LateMapping
from broker.net.outbound import Outbound
from broker.services.access import Access
from broker.services.audit import Audit
from broker.services.events import Events
from broker.services.gate import Gate
from broker.services.interfaces import PeerLooker
from broker.services.opened import Opened
from broker.services.proving import ProvingSender
from broker.services.recording import entry_of_daemon, record_event
from broker.services.unrecorded import Unrecorded
from broker.services.vault import Vault
from broker.store.audit_log import AuditLog
from broker.store.door import STORE_NAME, FileDoor

if TYPE_CHECKING:
    from broker.consent_parts import ConsentParts
    from broker.model.account import Account
    from broker.model.restriction import SocketName
    from broker.services.accounts import Accounts
    from broker.services.adding import Adding
    from broker.services.deriving import Deriving
    from broker.services.doctor import Doctor
    from broker.services.id_tokens import IdTokens
    from broker.services.interfaces import Recorder
    from broker.services.issuer_keys import IssuerKeys
    from broker.services.issuers import Issuers
    from broker.services.moving_out import MovingOut
    from broker.services.proofs import Proofs
    from broker.services.store_interfaces import StoreKeys
    from broker.services.store_making import StoreMaker
    from broker.sign_in_parts import SignInParts
    from broker.socket_parts import SocketParts


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


class Parts:
    """Everything that lives as long as the daemon.

    Args:
        socket_path: of the admin socket.
        stop: asks the daemon to end; returns at once.
        config: the person's.
        front: whether cached tokens are answered in front of the HTTP server.
    """

    def __init__(
        self,
        socket_path: str,
        stop: Callable[[], None],
        config: Config,
        *,
        front: bool,
    ) -> None:
        self._config = config
        self._clock = SystemClock()
        self._presets = issuer_presets(config)
        self._looker: Late[PeerLooker] = Late(_made_looker)
        self._audit = self._made_audit()
        self._recorder: Recorder = self._audit or Unrecorded()
        self._recorder.record(entry_of_daemon("start"))
        self._events = Events(partial(record_event, self._recorder))
        self._outbound = Outbound(
            version=__version__,
            network=config.network,
            environ=os.environ,
            now=self._clock.now,
        )
        self._sender = ProvingSender(
            self._outbound, clock=self._clock, random=secrets.token_bytes
        )
        self._door = FileDoor(state_directory() / STORE_NAME)
        self._keys = Late(self._made_keys)
        self.vault = Vault(
            door=self._door,
            sender=self._sender,
            clock=self._clock,
            events=self._events,
            recorder=self._recorder,
            lock_after_idle=config.store.lock_after_idle,
            when_open=self._restore_sockets,
        )
        self._socket_parts = Late(self._made_socket_parts)
        self._consent = Late(self._made_consent)
        self._consents = Late(lambda: self._consent.get().consents)
        self._access = Access(
            vault=self.vault, gate=self._made_gate(), recorder=self._recorder
        )
        self._issuer_keys = Late(self._made_issuer_keys)
        self._sign_in = Late(self._made_sign_in)
        self.services = self._made_services(socket_path, stop)
        self.server = PeerServer(
            Routes(self.services), front=self._access if front else None
        )

    async def close(self) -> Collection[AccountName]:
        """What is on the wire ends, and is saved and answered; the store goes last.

        In less time than a service manager waits before it kills: each of the two
        has the outbound door's 25 seconds at most, and they pass together.

        Returns:
            The accounts whose newest grant is lost, see `Vault.close`.
        """
        self.vault.begin_to_close()
        self._recorder.record(entry_of_daemon("stop"))
        self._events.publish(Event(kind=EventKind.STOPPING, at=self._clock.now().wall))
        await asyncio.gather(self._end_what_waits(), self.server.close())
        if self._socket_parts.made is not None:
            await self._socket_parts.made.clean_up()
        if self._sign_in.made is not None:
            await self._sign_in.made.clean_up()
        lost = await self.vault.close()
        if self._audit is not None and self._door.exists():
            await self._audit.end()
        await self._outbound.close()
        return lost

    async def _end_what_waits(self) -> None:
        if self._sign_in.made is not None:
            await self._sign_in.made.logins.close()
        if self._consent.made is not None:
            await self._consent.made.pages.close()

    def _made_audit(self) -> Audit | None:
        config = self._config.audit
        if not config.enabled:
            return None
        trail = AuditLog(state_directory(), max_bytes=config.max_size, keep=config.keep)
        return Audit(
            trail=trail,
            clock=self._clock,
            looker=self._looker,
            random=secrets.token_bytes,
        )

    def _made_gate(self) -> Gate:
        return Gate(
            clock=self._clock,
            looker=self._looker,
            consent=Late(self._consents.get),
            usage=Late(lambda: self._socket_parts.get().usage),
        )

    def _made_services(self, socket_path: str, stop: Callable[[], None]) -> Services:
        adding = Late(self._made_adding)
        return Services(
            facts=DaemonFacts(
                version=__version__,
                pid=os.getpid(),
                started_at=self._clock.now().wall,
                socket=socket_path,
                config=str(config_path()),
            ),
            vault=self.vault,
            access=self._access,
            events=self._events,
            clock=self._clock,
            recorder=self._recorder,
            rare=RareServices(
                audit=self._audit,
                presets=self._presets,
                logins=Late(lambda: self._sign_in.get().logins),
                accounts=Late(self._made_accounts),
                adding=adding,
                deriving=Late(lambda: self._made_deriving(adding.get())),
                moving_in=Late(lambda: self._sign_in.get().moving_in),
                moving_out=Late(self._made_moving_out),
                maker=Late(self._made_maker),
                keys=self._keys,
                doctor=Late(self._made_doctor),
                proofs=Late(self._made_proofs),
                looker=self._looker,
                id_tokens=Late(self._made_id_tokens),
                sockets=Late(lambda: self._socket_parts.get().sockets),
                consents=self._consents,
                question_pages=Late(lambda: self._consent.get().pages),
            ),
            stop=stop,
        )

    # --- made when first asked for, see the top --------------------------------------

    def _made_sign_in(self) -> "SignInParts":
        # None is made once we are ending: nobody would close it.
        self.vault.require_serving()
        from broker.sign_in_parts import SignInParts  # noqa: PLC0415 - see the top

        return SignInParts(
            vault=self.vault,
            presets=self._presets,
            client_document=self._config.login.client_id_metadata,
            keys=self._issuer_keys.get(),
            sender=self._sender,
            clock=self._clock,
            events=self._events,
        )

    async def _restore_sockets(self, opened: Opened) -> None:
        """Most stores hold none, and then nothing need be imported."""
        if opened.sockets.all() or self._socket_parts.made is not None:
            await self._socket_parts.get().sockets.restore(opened)

    def _made_socket_parts(self) -> "SocketParts":
        self.vault.require_serving()
        from broker.socket_parts import SocketParts  # noqa: PLC0415 - see the top

        return SocketParts(
            vault=self.vault,
            server=self.server,
            clock=self._clock,
            recorder=self._recorder,
            closed=self._socket_closed,
        )

    def _socket_closed(self, name: "SocketName") -> None:
        if self._consents.made is not None:
            self._consents.made.socket_ended(name)

    def _made_consent(self) -> "ConsentParts":
        from broker.consent_parts import ConsentParts  # noqa: PLC0415 - see the top

        return ConsentParts(
            vault=self.vault,
            clock=self._clock,
            events=self._events,
            recorder=self._recorder,
        )

    def _made_accounts(self) -> "Accounts":
        from broker.services.accounts import Accounts  # noqa: PLC0415 - see the top

        return Accounts(
            vault=self.vault,
            clock=self._clock,
            events=self._events,
            gone=self._account_gone,
        )

    def _account_gone(self, account: "Account") -> None:
        if self._sign_in.made is not None:
            self._sign_in.made.let_go(account)

    def _made_adding(self) -> "Adding":
        from broker.services.adding import Adding  # noqa: PLC0415 - see the top

        return Adding(
            vault=self.vault,
            issuers=self._issuers(),
            clock=self._clock,
            events=self._events,
        )

    def _made_deriving(self, adding: "Adding") -> "Deriving":
        from broker.services.deriving import Deriving  # noqa: PLC0415 - see the top

        return Deriving(
            vault=self.vault,
            adding=adding,
            issuers=self._issuers(),
            clock=self._clock,
        )

    def _issuers(self) -> "Issuers":
        from broker.services.issuers import Issuers  # noqa: PLC0415 - see the top

        return Issuers(presets=self._presets, sender=self._sender)

    def _made_moving_out(self) -> "MovingOut":
        from broker.services.moving_out import (  # noqa: PLC0415 - see the top
            MovingOut,
        )

        return MovingOut(vault=self.vault, clock=self._clock, events=self._events)

    def _made_maker(self) -> "StoreMaker":
        from broker.services.store_making import (  # noqa: PLC0415 - see the top
            StoreMaker,
        )

        return StoreMaker(vault=self.vault, door=self._door, clock=self._clock)

    def _made_keys(self) -> "StoreKeys":
        from broker.store.key_changes import KeyChanges  # noqa: PLC0415 - see the top

        return KeyChanges(self._door)

    def _made_doctor(self) -> "Doctor":
        from broker.host import premises  # noqa: PLC0415 - see the top
        from broker.services.doctor import Doctor  # noqa: PLC0415 - as above

        look = partial(premises.look_at_premises, is_daemon=True)
        return Doctor(vault=self.vault, keys=self._keys.get(), look=look)

    def _made_proofs(self) -> "Proofs":
        from broker.services.proofs import Proofs  # noqa: PLC0415 - see the top

        return Proofs(
            access=self._access, clock=self._clock, random=secrets.token_bytes
        )

    def _made_issuer_keys(self) -> "IssuerKeys":
        from broker.services.issuer_keys import (  # noqa: PLC0415 - see the top
            IssuerKeys,
        )

        return IssuerKeys(sender=self._sender, clock=self._clock)

    def _made_id_tokens(self) -> "IdTokens":
        from broker.services.id_token_checks import (  # noqa: PLC0415 - see the top
            IdTokenChecker,
        )
        from broker.services.id_tokens import IdTokens  # noqa: PLC0415 - as above

        checker = IdTokenChecker(
            keys=self._issuer_keys.get(), presets=self._presets, clock=self._clock
        )
        return IdTokens(
            access=self._access, vault=self.vault, checker=checker, clock=self._clock
        )


def _made_looker() -> PeerLooker:
    from broker.host import peer_facts  # noqa: PLC0415 - see the top

    return peer_facts.PeerLooker()


def issuer_presets(config: Config) -> Mapping[str, IssuerPreset]:
    """All presets. The person's are read now, so that a mistake in them is told."""
    if not config.issuers:
        return LateMapping(_shipped_presets)
    from broker.oauth.presets import (  # noqa: PLC0415 - see the top
        parse_config_presets,
        with_config_presets,
    )

    own = parse_config_presets(config.issuers, str(config_path()))
    return LateMapping(lambda: with_config_presets(_shipped_presets(), own))


def _shipped_presets() -> Mapping[str, IssuerPreset]:
    from broker.oauth.presets import parse_presets  # noqa: PLC0415 - see the top

    text = Path(__file__).with_name("issuers.toml").read_text("utf-8")
    return parse_presets(text)
