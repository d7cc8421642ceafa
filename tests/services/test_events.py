"""Events and their bounded queues."""

from broker.model.event import Event, EventKind
from broker.model.time import UnixTime
from broker.services.events import Events


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
    with events.subscribe(limit=2) as slow:
        for at in (1, 2, 3, 4):
            events.publish(an_event(at))
        heard = [await slow.get(), await slow.get()]
    assert [event.kind for event in heard] == [
        EventKind.MISSED,
        EventKind.TOKEN_RENEWED,
    ]
    assert heard[1] == an_event(4)
