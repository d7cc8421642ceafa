"""Events and their bounded queues."""

from contextlib import ExitStack

import pytest
from msgspec.structs import replace

from broker.model.errors import TooManyListenersError
from broker.model.event import Event, EventKind
from broker.model.time import UnixTime
from broker.services.events import MOST_SUBSCRIPTIONS, Events


def an_event(at: float) -> Event:
    return Event(kind=EventKind.TOKEN_RENEWED, at=UnixTime(at))


async def test_every_subscriber_hears_what_happens_while_it_listens() -> None:
    events = Events()
    events.publish(an_event(1))
    with events.subscribe() as first, events.subscribe() as second:
        events.publish(an_event(2))
        assert [await first.get(), await second.get()] == [an_event(2)] * 2


async def test_one_who_is_too_slow_is_told_that_he_missed_the_oldest() -> None:
    events = Events()
    with events.subscribe(limit=3) as slow:
        for at in (1, 2, 3, 4, 5):
            events.publish(replace(an_event(at), reason="r", until=UnixTime(9)))
        heard = [await slow.get(), await slow.get(), await slow.get()]
    # In the place of what was missed: what came after it is whole.
    assert heard[0] == Event(kind=EventKind.MISSED, at=UnixTime(3))
    assert [one.at for one in heard] == [UnixTime(at) for at in (3, 4, 5)]


async def test_one_too_many_is_refused_until_another_leaves() -> None:
    events = Events()
    with ExitStack() as stack:
        for _ in range(MOST_SUBSCRIPTIONS):
            stack.enter_context(events.subscribe())
        with pytest.raises(TooManyListenersError), events.subscribe():
            pass
        assert events.listeners == MOST_SUBSCRIPTIONS
    with events.subscribe():
        assert events.listeners == 1
