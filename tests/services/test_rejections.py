"""How often an API that refuses tokens may cause a refresh."""

from hypothesis import given
from hypothesis import strategies as st

from broker.model.time import Seconds
from broker.services.rejections import Rejections
from tests.services.world import HOME, WORK


def forced(rejections: Rejections, moments: list[float]) -> list[float]:
    """The moments at which a refresh was allowed."""
    return [at for at in moments if rejections.try_to_force(WORK, Seconds(at))]


def test_three_in_half_a_minute_are_enough() -> None:
    moments = [0.0, 1.0, 2.0, 3.0, 29.9, 30.0, 30.1]
    assert forced(Rejections(), moments) == [0.0, 1.0, 2.0, 30.0]


def test_twelve_in_ten_minutes_are_enough() -> None:
    every_ten = [10.0 * number for number in range(121)]
    allowed = forced(Rejections(), every_ten)
    assert allowed[:12] == every_ten[:12]
    assert allowed[12] == 600


def test_each_grant_has_limits_of_its_own() -> None:
    rejections = Rejections()
    forced(rejections, [0.0, 0.0, 0.0])
    assert not rejections.try_to_force(WORK, Seconds(1))
    assert rejections.try_to_force(HOME, Seconds(1))


def test_a_login_begins_anew() -> None:
    rejections = Rejections()
    forced(rejections, [0.0, 0.0, 0.0])
    rejections.forget(WORK)
    assert rejections.try_to_force(WORK, Seconds(1))


@given(st.lists(st.floats(0, 5000)))
def test_no_span_ever_has_more_than_its_limit(moments: list[float]) -> None:
    allowed = forced(Rejections(), sorted(moments))
    for count, span in ((3, 30), (12, 600)):
        for first, last in zip(allowed, allowed[count:], strict=False):
            assert last - first >= span
