"""How much of what was allowed to a restricted socket is left."""

import msgspec
import pytest

from broker.model.errors import NotPermittedError, TooManyRequestsError
from broker.model.restriction import Rate, Restriction, SocketName
from broker.model.time import Instant, Seconds, UnixTime
from broker.services.socket_records import SocketRecords
from broker.services.usage import SocketUsage
from tests.fakes.store import MemoryStore
from tests.services.world import WORK

CI = Restriction(
    name=SocketName("ci"),
    accounts=(WORK,),
    made_at=UnixTime(1),
    rate=Rate(most=2, seconds=Seconds(60)),
)
ONE_USE = msgspec.structs.replace(CI, rate=None, uses=1)


def at(boot: float, wall: float = 0.0) -> Instant:
    return Instant(wall=UnixTime(wall), boot=Seconds(boot))


@pytest.fixture
def records() -> SocketRecords:
    return SocketRecords(MemoryStore())


@pytest.fixture
def usage(records: SocketRecords) -> SocketUsage:
    return SocketUsage(lambda: records)


def test_in_any_span_there_are_as_many_as_the_rate_says(usage: SocketUsage) -> None:
    usage.count(CI, at(100))
    usage.count(CI, at(130))
    with pytest.raises(TooManyRequestsError):
        usage.count(CI, at(130))
    with pytest.raises(TooManyRequestsError) as caught:
        usage.count(CI, at(159))
    assert caught.value.retry_after == 2
    usage.count(CI, at(160))  # what was refused does not count
    with pytest.raises(TooManyRequestsError):
        usage.count(CI, at(189))
    usage.count(CI, at(190))


def test_a_wall_clock_that_jumps_gives_no_more(usage: SocketUsage) -> None:
    usage.count(CI, at(100))
    usage.count(CI, at(100))
    with pytest.raises(TooManyRequestsError):
        usage.count(CI, at(101, wall=1e9))


def test_sockets_are_counted_apart_and_one_made_anew_from_the_start(
    usage: SocketUsage,
) -> None:
    other = msgspec.structs.replace(CI, name=SocketName("other"))
    anew = msgspec.structs.replace(CI, made_at=UnixTime(2))
    for socket in (CI, CI, other, other, anew, anew):
        usage.count(socket, at(100))
    with pytest.raises(TooManyRequestsError):
        usage.count(anew, at(100))


def test_a_socket_without_a_rate_is_not_counted(usage: SocketUsage) -> None:
    for _ in range(100):
        usage.count(msgspec.structs.replace(CI, rate=None), at(100))


async def test_a_use_is_taken_from_the_store(
    usage: SocketUsage, records: SocketRecords
) -> None:
    await records.add(ONE_USE)
    usage.count(ONE_USE, at(100))
    await usage.use_up(ONE_USE)
    with pytest.raises(NotPermittedError, match="has given them"):
        await usage.use_up(ONE_USE)
    # And nobody is asked for what would not be given.
    with pytest.raises(NotPermittedError, match="has given them"):
        usage.count(ONE_USE, at(100))
