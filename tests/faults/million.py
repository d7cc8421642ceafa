"""The whole soak. Takes minutes, so only `make soak` collects it."""

from tests.faults.soak import require_steady, soak


def test_a_million_requests_over_expiries_and_faults_leave_nothing_behind() -> None:
    rounds = soak(1_000_000)
    for one in rounds:
        print(one)
    require_steady(rounds)
