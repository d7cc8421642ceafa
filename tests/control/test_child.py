"""A program that gets the signals that we get."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from broker.control.child import Child
from brokerd_client import BrokerError

TELLS = """
import signal, sys
# Held back until it is asked for: one that came before a pause() would be lost.
awaited = {signal.SIGTERM, signal.SIGINT, signal.SIGUSR1}
signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
open(sys.argv[1], "w").close()
sys.exit(signal.sigwait(awaited))
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
    os.mkfifo(ready)

    def signal_us() -> None:
        ready.read_bytes()
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=signal_us, daemon=True)
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


def test_a_signal_while_it_is_being_started_reaches_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = subprocess.Popen

    def interrupted(words: list[str], env: dict[str, str]) -> "subprocess.Popen[bytes]":
        process = started(words, env=env)
        os.kill(os.getpid(), signal.SIGTERM)
        return process

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    child = Child()
    with child.getting_signals():
        code = child.run(
            python("import signal; signal.sigwait({signal.SIGUSR2})"), os.environ
        )
    assert code == 128 + signal.SIGTERM


def test_a_program_that_is_not_there_is_told() -> None:
    with pytest.raises(BrokerError, match="cannot be run: no such file"):
        Child().run(["/no/such/program"], os.environ)
