"""The store as the services see it: none, locked or open.

Knows no key and no file: the `StoreDoor` does. Never makes a new store over an
old one, and never tries another key source than the recorded one.
"""

import asyncio
import logging
from dataclasses import dataclass
from enum import Enum

from broker.model.account import AccountName
from broker.model.errors import (
    LockedError,
    StoppingError,
    StoreCorruptError,
    StoreFailedError,
)
from broker.model.grant import Grant
from broker.model.secret import Secret
from broker.services.events import Events
from broker.services.grants import Grants
from broker.services.interfaces import Clock, GrantStore, HttpSender, StoreDoor
from broker.services.tokens import TokenService

log = logging.getLogger(__name__)

PLAIN = "plain"


class VaultState(Enum):
    """What a peer may expect."""

    NONE = "none"
    """No store has been made; the first login makes one."""
    LOCKED = "locked"
    CORRUPT = "corrupt"
    """The file cannot be read; every request says so, and nothing is overwritten."""
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What there is while the store is open."""

    grants: Grants
    tokens: TokenService


class Vault:
    """Owner of the open store and of the services that live on it."""

    def __init__(
        self, *, door: StoreDoor, sender: HttpSender, clock: Clock, events: Events
    ) -> None:
        self._door = door
        self._sender = sender
        self._clock = clock
        self._events = events
        self._opened: Opened | None = None
        self._closed: LockedError | StoreCorruptError | None = None
        self._opening = asyncio.Lock()
        self._closing = False

    @property
    def state(self) -> VaultState:
        """None, locked, corrupt or open."""
        if self._opened is not None:
            return VaultState.OPEN
        if isinstance(self._closed, StoreCorruptError):
            return VaultState.CORRUPT
        return VaultState.LOCKED if self._door.exists() else VaultState.NONE

    @property
    def locked_because(self) -> str | None:
        """Why it is locked, for people, or None."""
        closed = self._closed
        return closed.reason if isinstance(closed, LockedError) else None

    @property
    def key_source(self) -> str | None:
        """The recorded source of the key, or None where there is no readable store."""
        try:
            return self._door.key_source() if self._door.exists() else None
        except (StoreCorruptError, StoreFailedError):
            return None

    @property
    def opened(self) -> Opened | None:
        """What there is while the store is open, or None."""
        return self._opened

    def require_open(self) -> Opened:
        """The open services.

        Raises:
            LockedError: there is a store, but it is locked.
            StoreCorruptError: there is a store, but it cannot be read.
            StoppingError: the daemon is ending.
        """
        if self._opened is None and self._closing:
            raise StoppingError
        if self._opened is None:
            closed = self._closed or LockedError(reason="there is no store yet")
            # Without the traceback of the last time, which would grow for ever.
            raise closed.with_traceback(None)
        return self._opened

    def require_serving(self) -> None:
        """Nothing, while the daemon is not ending.

        Raises:
            StoppingError: it is.
        """
        if self._closing:
            raise StoppingError

    async def open_at_start(self) -> None:
        """Open the store where that needs no question; otherwise serve without.

        A daemon that left instead would be started again by its service manager
        for ever, and nobody would be told why.
        """
        if not self._door.exists():
            return
        try:
            # Nobody waits at the desktop, and peers must hear that we are locked.
            await self._open(None, ask=False)
        except (LockedError, StoreCorruptError):
            pass  # noted
        except StoreFailedError as exc:
            self._closed = LockedError(reason=f"it cannot be opened: {exc.what}")
        if self._closed is not None:
            log.warning("store.closed code=%s", self._closed.code)

    async def unlock(self, passphrase: Secret | None) -> None:
        """Open the store for a person who waits; nothing happens where it is open.

        Raises:
            LockedError: a passphrase is needed, or the key cannot be had, or there
                is no store.
            WrongPassphraseError: it does not open.
            StoreCorruptError: the file cannot be read.
        """
        await self._open(passphrase, ask=True)

    async def create(self, source: str, passphrase: Secret | None) -> None:
        """Make the store.

        Raises:
            StoreExistsError: there is one.
            BadRequestError, KeySourceUnavailableError, StoreFailedError: see
                `StoreDoor.create`.
        """
        async with self._opening:
            await self._create(source, passphrase)

    def find(self, account: AccountName) -> Grant | None:
        """The grant of an account, for a login; None where no store was made yet.

        Raises:
            LockedError, StoreCorruptError: see `require_open`.
        """
        if self.state is VaultState.NONE:
            return None
        return self.require_open().grants.find(account)

    async def open_for_grant(self) -> str | None:
        """Make sure that a grant can be saved: the first one makes the store.

        Returns:
            What the person should know, or None.

        Raises:
            LockedError, StoreCorruptError: see `require_open`.
            StoreFailedError: the disk refused.
        """
        async with self._opening:
            if self.state is not VaultState.NONE:
                self.require_open()
                return None
            await self._create(PLAIN, None)
        return (
            "made a store for your grants, sealed under a key file (key source: "
            "plain): whoever can read your files can open it"
        )

    def begin_to_close(self) -> None:
        """Begin no refresh and no log-out from now on."""
        self._closing = True
        if self._opened is not None:
            self._opened.tokens.begin_to_close()

    async def close(self) -> None:
        """Let refreshes end, then let go of the store."""
        self._closing = True
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.tokens.close()
            await opened.grants.close()

    async def _open(self, passphrase: Secret | None, *, ask: bool) -> None:
        async with self._opening:
            if self._opened is not None:
                return
            if not self._door.exists():
                raise LockedError(reason="there is no store yet")
            try:
                await self._serve(await self._door.open(passphrase, ask=ask))
            except (LockedError, StoreCorruptError) as exc:
                self._closed = exc
                raise

    async def _create(self, source: str, passphrase: Secret | None) -> None:
        await self._serve(await self._door.create(source, passphrase))
        log.info("store.created source=%s", source)

    async def _serve(self, store: GrantStore) -> None:
        grants = Grants(store)
        await grants.load()
        tokens = TokenService(
            grants=grants,
            sender=self._sender,
            clock=self._clock,
            events=self._events,
        )
        self._opened = Opened(grants=grants, tokens=tokens)
        self._closed = None
