"""What services need of the world, as Protocols. Lower floors satisfy them by shape."""

from collections.abc import Sequence
from typing import Protocol

from broker.model.account import AccountName
from broker.model.grant import Grant
from broker.model.http import HttpRequest, HttpResponse
from broker.model.redirect import RedirectSite
from broker.model.secret import Secret
from broker.model.time import Instant, Seconds


class Clock(Protocol):
    """Time."""

    def now(self) -> Instant:
        """This moment on both clocks."""
        ...

    async def sleep(self, seconds: Seconds) -> None:
        """Wait `seconds` of boot time: a suspend counts as waiting."""
        ...


class GrantStore(Protocol):
    """Where grants lie. Narrow, so that a shared store can stand behind it one day."""

    async def list(self) -> Sequence[Grant]:
        """Every grant that opens, in the order of their names."""
        ...

    async def load(self, name: AccountName) -> Grant | None:
        """One grant, or None."""
        ...

    async def save(self, grant: Grant, *, replaces: int | None) -> None:
        """Make `grant` durable; when this returns, a crash finds it.

        Args:
            grant: with its new version.
            replaces: the version that must be there now, or None for no grant.

        Raises:
            GrantChangedError: another version is there.
            StoreFailedError: the disk refused; nothing has changed.
        """
        ...

    async def delete(self, name: AccountName, *, replaces: int) -> None:
        """Forget a grant; the same errors as `save`."""
        ...

    async def load_setting(self, key: str) -> str | None:
        """A setting of the person's that is not configuration, such as the default."""
        ...

    async def save_setting(self, key: str, value: str | None) -> None:
        """Set it, or forget it with None.

        Raises:
            StoreFailedError: the disk refused.
        """
        ...

    async def close(self) -> None:
        """Finish what is under way and let go of file and key."""
        ...


class StoreDoor(Protocol):
    """The one store of this daemon, before it is open."""

    def exists(self) -> bool:
        """Whether a store has been made."""
        ...

    def key_source(self) -> str:
        """The recorded source of its key, such as 'plain' or 'passphrase'.

        Raises:
            StoreCorruptError: the file is not a store.
        """
        ...

    async def create(self, source: str, passphrase: Secret | None) -> GrantStore:
        """Make a new store; the old one is never overwritten.

        Raises:
            StoreExistsError: there is one.
            BadRequestError: a source that this system has not, or a passphrase
                missing or unasked.
            KeySourceUnavailableError: the source cannot be had now, or refused.
            StoreFailedError: the disk refused.
        """
        ...

    async def open(self, passphrase: Secret | None, *, ask: bool) -> GrantStore:
        """Open the store with its recorded key source, and no other.

        Args:
            passphrase: what the person typed, or None.
            ask: whether the desktop may ask the person, who then has half a minute;
                otherwise the answer comes within seconds.

        Raises:
            LockedError: a passphrase is needed, or the key cannot be had.
            WrongPassphraseError: it does not open.
            StoreCorruptError: the file cannot be read.
        """
        ...


class HttpSender(Protocol):
    """The outbound door."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send one request and read the whole answer, whatever its status.

        No redirects, no cookies, no decompression; the body is capped.

        Raises:
            IssuerUnreachableError: no connection, TLS refused, too slow, cut off.
            IssuerMalformedError: not HTTP, or a body over the cap.
        """
        ...


class OpenListener(Protocol):
    """A listener that is listening."""

    @property
    def redirect_uri(self) -> str:
        """Such as 'http://127.0.0.1:43211/', with the port it really has."""
        ...

    async def close(self) -> None:
        """Show the outcome to a browser that is still on its way, then stop.

        Waits for that page a few seconds at most. Idempotent.
        """
        ...


class RedirectListener(Protocol):
    """What awaits the authorization response on loopback (RFC 8252 section 7.3)."""

    async def open(self, site: RedirectSite) -> OpenListener:
        """Listen.

        Raises:
            PortInUseError: the port is taken, on any family that is needed.
            BadRequestError: the address to bind is not a literal loopback address.
        """
        ...
