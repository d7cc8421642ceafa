"""Back-off: what has failed is left in peace for a while, and then tried once.

Each failure concerns an issuer, a client of it, or one request, and holds up what it
concerns and nothing else. Knows no messages; asks nobody.
"""

import logging
import math
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

import msgspec

from broker.model.account import Account, AccountName
from broker.model.errors import BrokerError
from broker.model.event import Event, EventKind
from broker.model.time import Instant, Seconds, UnixTime
from broker.services.concerns import CONCERNS, Concern
from broker.services.events import Events
from broker.services.interfaces import Clock
from broker.services.token_cache import TokenKey

log = logging.getLogger(__name__)

LONGEST_PAUSE = Seconds(300)
LONGEST_RETRY_AFTER = Seconds(3600)
"""An issuer that asks for more is asked once an hour all the same."""

REMEMBERED_REQUESTS = 256
"""Refused requests, over all accounts: a peer may think of any number."""

_MOST_DOUBLINGS = 16

_WHAT_WAS_MET = ("what", "error", "description")
"""Of the facts of an error, those that say why."""


SHORTEST_PAUSE = {
    Concern.ISSUER: Seconds(1),
    Concern.CLIENT: Seconds(30),
    Concern.REQUEST: Seconds(10),
}
"""After the first failure. An issuer may be back in a moment; what it refused, it will
refuse again until a person has done something."""

_What = tuple[Concern, Hashable]


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """An issuer that is not answering, or does not accept a client, for people and
    programs.

    Attributes:
        issuer: its URL.
        since: when it failed first, on the wall clock.
        until: it is not asked before then.
        reason: what was met.
        client_id: the client that it does not accept; None where it does not answer.
    """

    issuer: str
    since: UnixTime
    until: UnixTime
    reason: str
    client_id: str | None = None


class _Open(msgspec.Struct, frozen=True, kw_only=True):
    """An open circuit.

    Attributes:
        error: the last failure.
        since: the first failure.
        noted: the last one, on the boot clock.
        until: the next try is not before, on the boot clock.
        failures: in a row.
    """

    error: BrokerError
    since: Instant
    noted: Seconds
    until: Seconds
    failures: int

    def told(self, now: Instant) -> BrokerError:
        """The failure again, with the seconds until it is worth asking.

        A new one each time: a traceback grows with every raise, and keeps alive what
        its frames hold.
        """
        left = max(math.ceil(self.until - now.boot), 1)
        changes = {"retry_after": left} if "retry_after" in self.error.facts() else {}
        return self.error.again(**changes)


def pause(
    shortest: Seconds,
    failures: int,
    chance: float,
    *,
    longest: Seconds = LONGEST_PAUSE,
) -> Seconds:
    """How long something is left in peace.

    Args:
        shortest: after the first failure, at least.
        failures: in a row, from 1.
        chance: from 0 to 1: so that not everyone comes back at one moment.
        longest: at most.

    Returns:
        From `shortest` to twice that, doubled with each failure.
    """
    doublings = min(failures, _MOST_DOUBLINGS)
    most = min(shortest * 2**doublings, longest)
    return Seconds(most / 2 * (1 + chance))


class Circuits:
    """Who is held up, and until when."""

    def __init__(
        self, *, clock: Clock, events: Events, jitter: Callable[[], float]
    ) -> None:
        self._clock = clock
        self._events = events
        self._jitter = jitter
        self._open: dict[_What, _Open] = {}
        self._probing: set[_What] = set()

    def require(self, account: Account, key: TokenKey) -> None:
        """Nothing, where the issuer may be asked for this now.

        Raises:
            BrokerError: what it said the last time, with `retry_after`.
        """
        now = self._clock.now()
        for what in _concerned(account, key):
            found = self._open.get(what)
            if found and (now.boot < found.until or what in self._probing):
                raise found.told(now)

    @contextmanager
    def attempt(self, account: Account, key: TokenKey) -> Iterator[None]:
        """One try, whose outcome is noted. Where it is the first after a pause, it is
        the only one until it has ended.

        Raises:
            BrokerError: from `require`; or what the try met, with `retry_after`.
        """
        self.require(account, key)
        concerned = _concerned(account, key)
        began = self._clock.now()
        probes = [what for what in concerned if what in self._open]
        self._probing.update(probes)
        try:
            yield
        except BrokerError as exc:
            concern = CONCERNS.get(type(exc))
            if concern is None or exc.is_of_another:
                raise
            self._close(concerned[:concern])
            if concern is Concern.GRANT:
                raise
            raise self._failed(concerned[concern], exc, began) from exc
        else:
            self._close(concerned)
        finally:
            self._probing.difference_update(probes)

    def next_try(self, account: Account, key: TokenKey) -> Seconds:
        """The moment on the boot clock before which a try is held up; 0 for none."""
        found = (self._open.get(what) for what in _concerned(account, key))
        return max((each.until for each in found if each), default=Seconds(0))

    def signed_in(self, account: Account) -> None:
        """A login proves issuer and client, and changes what may be asked for."""
        self._close([(Concern.ISSUER, account.issuer.url), _client(account)])
        self.forget(account.name)

    def forget(self, account: AccountName) -> None:
        """Drop what was refused for an account."""
        for what in list(self._open):
            if isinstance(what[1], TokenKey) and what[1].account == account:
                del self._open[what]

    def outage(self, issuer: str) -> Outage | None:
        """Whether an issuer is down. Cheap: it is asked with every token."""
        found = self._open.get((Concern.ISSUER, issuer)) if self._open else None
        return None if found is None else self._outage(issuer, found)

    def outages(self) -> list[Outage]:
        """Every issuer that is down, in the order in which they failed."""
        return [
            self._outage(str(what[1]), found)
            for what, found in self._open.items()
            if what[0] is Concern.ISSUER
        ]

    def outage_of_client(self, account: Account) -> Outage | None:
        """Whether its issuer does not accept its client."""
        found = self._open.get(_client(account))
        client_id = account.client.client_id
        if found is None:
            return None
        return self._outage(account.issuer.url, found, client_id)

    def _outage(
        self, issuer: str, found: _Open, client_id: str | None = None
    ) -> Outage:
        now = self._clock.now()
        return Outage(
            issuer=issuer,
            since=UnixTime(now.wall - (now.boot - found.since.boot)),
            until=UnixTime(now.wall + (found.until - now.boot)),
            reason=_reason(found.error),
            client_id=client_id,
        )

    def _failed(self, what: _What, error: BrokerError, began: Instant) -> BrokerError:
        now = self._clock.now()
        before = self._open.get(what)
        if before is not None and before.noted >= began.boot:
            # It left before another's failure was known: no second failure in a row.
            return before.told(now)
        failures = 1 if before is None else before.failures + 1
        wait = pause(SHORTEST_PAUSE[what[0]], failures, self._jitter())
        wanted = error.facts().get("retry_after")
        if isinstance(wanted, int):
            wait = Seconds(max(wait, min(wanted, LONGEST_RETRY_AFTER)))
        found = _Open(
            error=error.again(),
            since=now if before is None else before.since,
            noted=now.boot,
            until=Seconds(now.boot + wait),
            failures=failures,
        )
        self._note(what, found, is_new=before is None)
        return found.told(now)

    def _note(self, what: _What, found: _Open, *, is_new: bool) -> None:
        self._open[what] = found
        if what[0] is Concern.ISSUER and is_new:
            outage = self._outage(str(what[1]), found)
            log.warning("issuer.down issuer=%s reason=%s", what[1], outage.reason)
            self._publish(EventKind.ISSUER_DOWN, outage)
        refused = [each for each in self._open if each[0] is Concern.REQUEST]
        for oldest in refused[:-REMEMBERED_REQUESTS]:
            del self._open[oldest]

    def _close(self, concerned: list[_What]) -> None:
        for what in concerned:
            found = self._open.pop(what, None)
            if found is not None and what[0] is Concern.ISSUER:
                log.warning("issuer.up issuer=%s", what[1])
                self._publish(EventKind.ISSUER_UP, self._outage(str(what[1]), found))

    def _publish(self, kind: EventKind, outage: Outage) -> None:
        is_down = kind is EventKind.ISSUER_DOWN
        self._events.publish(
            Event(
                kind=kind,
                at=self._clock.now().wall,
                issuer=outage.issuer,
                reason=outage.reason if is_down else None,
                until=outage.until if is_down else None,
            )
        )


def _concerned(account: Account, key: TokenKey) -> list[_What]:
    """In the order of `Concern`."""
    issuer = (Concern.ISSUER, account.issuer.url)
    return [issuer, _client(account), (Concern.REQUEST, key)]


def _client(account: Account) -> _What:
    return (Concern.CLIENT, (account.issuer.url, account.client.client_id))


def _reason(error: BrokerError) -> str:
    facts = error.facts()
    said = [str(facts[name]) for name in _WHAT_WAS_MET if facts.get(name)]
    return ": ".join(said) or "it asks for patience"
