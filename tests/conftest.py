import signal

from hypothesis import HealthCheck, settings

# No test is timed: a machine that is busy would fail it.
settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")


def pytest_configure() -> None:
    # Whoever runs the tests in the background has them ignore the interrupt, and so
    # would all that they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
