"""The soak, in a size that fits into every run; `make soak` is the whole of it."""

from tests.faults.soak import require_steady, soak

REQUESTS = 100_000


def test_requests_over_expiries_and_faults_leave_nothing_behind() -> None:
    require_steady(soak(REQUESTS))
