"""What services need of the world, as Protocols. Lower floors satisfy them by shape."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from broker.model.account import AccountName
from broker.model.audit import AuditEntry
from broker.model.grant import Grant
from broker.model.http import HttpRequest, HttpResponse
from broker.model.peer import Peer, SocketOptions
from broker.model.peer_facts import PeerFacts
from broker.model.question import Question
from broker.model.redirect import RedirectSite
from broker.model.restriction import Restriction, Runner
from broker.model.time import Instant, Seconds

if TYPE_CHECKING:
    # Of few daemons.
    from broker.model.question_page import QuestionPage


class Clock(Protocol):
    """Time."""

    def now(self) -> Instant:
        """This moment on both clocks."""
        ...

    async def sleep(self, seconds: Seconds) -> None:
        """Wait `seconds` of boot time: a suspend counts as waiting."""
        ...


class Listing(Protocol):
    """The grants of a store at one moment, each read only when it is come to.

    With ten thousand accounts that takes longer than anybody should have to wait.
    """

    def __iter__(self) -> Iterator[Grant]:
        """Those that have not come yet, in no order."""
        ...

    def take(self, name: AccountName) -> Grant | None:
        """This one now, where there is one that has not come yet."""
        ...


class GrantStore(Protocol):
    """Where grants lie. Narrow, so that a shared store can stand behind it one day."""

    async def list(self) -> Listing:
        """Every grant that opens."""
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
        """A setting of the person's that is not configuration, such as the default.

        Raises:
            SettingDamagedError: there is one, and it does not open.
        """
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


class HttpSender(Protocol):
    """The outbound door."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send one request and read the whole answer, whatever its status.

        No redirects, no cookies, no decompression; the body is capped.

        Raises:
            IssuerUnreachableError: no connection, TLS refused, too slow, cut off; its
                `sent` says whether the request may have left.
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


class PeerLooker(Protocol):
    """Learns what a program is."""

    def look(self, connected: SocketOptions, peer: Peer) -> PeerFacts:
        """What is known of the program at the other end now; never waits."""
        ...

    def label(self, connected: SocketOptions, peer: Peer) -> PeerFacts:
        """What was known of it when it was first seen: the same object again."""
        ...


class Recorder(Protocol):
    """What keeps the audit; never waits, and never raises."""

    def record(self, entry: AuditEntry) -> None:
        """Take one entry in."""
        ...

    def facts(self, connected: SocketOptions | None, peer: Peer) -> PeerFacts:
        """The peer of an entry."""
        ...

    def attach(self, store: GrantStore) -> None:
        """The store is open now, and with it the key."""
        ...

    async def detach(self) -> None:
        """The store is about to be closed: what there is is written first."""
        ...


class Consent(Protocol):
    """The person's answers."""

    def remembers(self, question: Question) -> bool:
        """Whether it was allowed before, and that still counts."""
        ...

    async def ask(self, question: Question, wait: Seconds) -> str:
        """The rule by which it is allowed, the person asked where need be.

        Args:
            question: what to ask; one that is open already is not asked again.
            wait: for the answer, at most.

        Raises:
            NotPermittedError: it is not.
            ConsentPendingError: there is no answer yet.
        """
        ...


class OpenPage(Protocol):
    """A page that can be opened."""

    @property
    def url(self) -> str:
        """Such as 'http://127.0.0.1:43211/question/…'."""
        ...

    async def close(self) -> None:
        """Let whoever has just answered see that, then stop. Idempotent."""
        ...


class QuestionSite(Protocol):
    """Shows questions on loopback, each at an address that nobody can guess."""

    async def open(self, page: "QuestionPage") -> OpenPage:
        """Serve it until it is closed.

        Raises:
            PortInUseError: no port is to be had.
        """
        ...


class Usage(Protocol):
    """How much of what was allowed to restricted sockets is left."""

    def count(self, restriction: Restriction, now: Instant) -> None:
        """One more token within the socket's rate, where it has any left.

        Raises:
            NotPermittedError: it has none.
            TooManyRequestsError: there have been as many as may be for now.
        """
        ...

    async def use_up(self, restriction: Restriction) -> None:
        """One use less; saved when it returns.

        Raises:
            NotPermittedError: none was left.
        """
        ...


class Processes(Protocol):
    """Whoever has a socket of its own, and whether it still runs."""

    def runner(self, facts: PeerFacts) -> Runner | None:
        """The process that was looked at; None where nobody would tell of its end."""
        ...

    def lives(self, runner: Runner) -> bool:
        """Whether it has not ended."""
        ...

    def watch(self, runner: Runner, ended: Callable[[], None]) -> Callable[[], None]:
        """Have `ended` called once, when it has ended, or at once where it has.

        What is given back forgets it, and may be called in any case.
        """
        ...


class SocketDoors(Protocol):
    """Restricted sockets of this operating system, with what answers behind them."""

    def path(self, restriction: Restriction) -> str:
        """Where the socket lies, or would."""
        ...

    async def open(self, restriction: Restriction) -> None:
        """Let its peers come.

        Raises:
            SocketUnusableError: it cannot lie there, or its group cannot reach it.
        """
        ...

    async def close(self, restriction: Restriction) -> None:
        """Let nobody come any more, cut off who has come, and take the file away."""
        ...

    def sweep(self, known: frozenset[str]) -> None:
        """Take away what a daemon that was killed has left of others than `known`."""
        ...
