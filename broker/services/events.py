"""Events for whoever listens: one bounded queue for each subscriber, nothing more."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from broker.model.errors import TooManyListenersError
from broker.model.event import Event, EventKind

QUEUE_EVENTS = 256
"""Of one subscriber; one who is slower misses the oldest, and is told."""

MOST_SUBSCRIPTIONS = 64
"""A person has a handful of terminals, hooks and desktop agents."""

_BEGAN = {
    EventKind.ISSUER_UP: EventKind.ISSUER_DOWN,
    EventKind.SAVED: EventKind.UNSAVED,
}
"""What ends, and what it ends."""


class Subscription:
    """What has happened since it began."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._events: deque[Event] = deque()
        self._arrived = asyncio.Event()

    def put(self, event: Event) -> None:
        """Take one in; never waits."""
        if len(self._events) >= self._limit:
            self._events.popleft()
            oldest = self._events.popleft()
            self._events.appendleft(Event(kind=EventKind.MISSED, at=oldest.at))
        self._events.append(event)
        self._arrived.set()

    async def get(self) -> Event:
        """The next event, in order; waits for it."""
        while not self._events:
            self._arrived.clear()
            await self._arrived.wait()
        return self._events.popleft()


class Events:
    """Tells every subscriber what happens."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self._standing: list[Event] = []

    @property
    def standing(self) -> list[Event]:
        """What has begun and not ended: issuers that are down, grants not saved."""
        return list(self._standing)

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._subscriptions)

    def publish(self, event: Event) -> None:
        """Tell it to everyone who listens now; never waits."""
        self._standing = _after(self._standing, event)
        for subscription in self._subscriptions:
            subscription.put(event)

    @contextmanager
    def subscribe(self, limit: int = QUEUE_EVENTS) -> Iterator[Subscription]:
        """What happens from now on, until the block ends.

        Args:
            limit: of its queue, 2 at least.

        Raises:
            TooManyListenersError: as many listen as may.
        """
        if len(self._subscriptions) >= MOST_SUBSCRIPTIONS:
            raise TooManyListenersError(most=MOST_SUBSCRIPTIONS)
        subscription = Subscription(limit)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)


def _after(standing: list[Event], event: Event) -> list[Event]:
    """What stands after `event`: it may end some, or begin, or begin once more."""
    about = _BEGAN.get(event.kind, event.kind)
    left = [old for old in standing if old.kind is not about or not _same(event, old)]
    return [*left, event] if event.kind in _BEGAN.values() else left


def _same(event: Event, old: Event) -> bool:
    """Whether both are about one thing; an event that names none is about all."""
    accounts, issuers = (None, old.account), (None, old.issuer)
    return event.account in accounts and event.issuer in issuers
