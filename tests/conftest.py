import signal


def pytest_configure() -> None:
    # Whoever runs the tests in the background has them ignore the interrupt, and so
    # would all that they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
