"""Events for whoever listens: one bounded queue for each subscriber, nothing more."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from broker.model.errors import TooManyListenersError
from broker.model.event import Event, EventKind

QUEUE_EVENTS = 256
"""Of one subscriber; one who is slower misses the oldest, and is told."""

MOST_SUBSCRIPTIONS = 64
"""A person has a handful of terminals, hooks and desktop agents."""


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

    def __init__(self, heard: Callable[[Event], None] | None = None) -> None:
        """Take who hears each event at once, beside those that subscribe.

        Args:
            heard: must not wait.
        """
        self._heard = heard
        self._subscriptions: set[Subscription] = set()
        self._heeding: list[Callable[[Event], None]] = []

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._subscriptions)

    def publish(self, event: Event) -> None:
        """Tell it to everyone who listens now; never waits."""
        if self._heard is not None:
            self._heard(event)
        for subscription in self._subscriptions:
            subscription.put(event)
        for heed in self._heeding:
            heed(event)

    def heed(self, heed: Callable[[Event], None]) -> None:
        """Call `heed` at every event from now on: a service, which never waits."""
        self._heeding.append(heed)

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
