"""A program that gets the signals that we get."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from broker.control.child import Child
from brokerd_client import BrokerError

TELLS = """
import os, signal, sys
def told(number, frame):
    sys.exit(number)
for name in ("SIGTERM", "SIGINT", "SIGUSR1"):
    signal.signal(getattr(signal, name), told)
open(sys.argv[1], "w").close()
signal.pause()
"""


def python(text: str, *words: str) -> list[str]:
    return [sys.executable, "-c", text, *words]


def test_its_exit_code_is_ours() -> None:
    child = Child()
    with child.getting_signals():
        assert child.run(python("raise SystemExit(7)"), os.environ) == 7


def test_what_a_signal_ended_has_the_exit_code_that_shells_give() -> None:
    ends = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert Child().run(python(ends), os.environ) == 128 + signal.SIGKILL


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1"])
def test_it_gets_the_signals_that_we_get(tmp_path: Path, name: str) -> None:
    number, ready = getattr(signal, name), tmp_path / "ready"

    def signal_us() -> None:
        while not ready.exists():
            pass
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=signal_us)
    before = signal.getsignal(number)
    child = Child()
    with child.getting_signals():
        thread.start()
        assert child.run(python(TELLS, str(ready)), os.environ) == number
    thread.join()
    assert signal.getsignal(number) is before


def test_a_signal_before_there_is_one_ends_us() -> None:
    with pytest.raises(SystemExit) as caught, Child().getting_signals():
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.code == 128 + signal.SIGTERM


def test_a_program_that_is_not_there_is_told() -> None:
    with pytest.raises(BrokerError, match="cannot be run: no such file"):
        Child().run(["/no/such/program"], os.environ)
