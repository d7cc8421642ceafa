"""A program that is run on the person's behalf, and gets the signals that we get."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from broker.control.output import bad_usage

_NAMES = ("SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2")
_OF_THE_TERMINAL = ("SIGINT", "SIGQUIT")

SIGNALLED = 128
"""Added to a signal's number: the exit code of what it ended, as shells have it."""


class Child:
    """One program at most. Before there is one, a signal ends us."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._is_starting = False
        self._early: list[int] = []

    def run(self, words: Sequence[str], environment: Mapping[str, str]) -> int:
        """Run it to its end; its exit code, as a shell would tell it.

        Raises:
            BrokerError: there is no such program.
        """
        self._process = process = self._started(words, environment)
        for number in self._early:
            self._heed(number, None)
        code = process.wait()
        return SIGNALLED - code if code < 0 else code

    def _started(
        self, words: Sequence[str], environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        # A signal that ended us here would leave behind a program nobody knows.
        self._is_starting = True
        try:
            return subprocess.Popen(  # noqa: S603 - it is what the person typed
                words, env=dict(environment)
            )
        except OSError as exc:
            reason = (exc.strerror or "unknown").lower()
            raise bad_usage(
                f"{words[0]} cannot be run: {reason}", "name a program after --"
            ) from exc

    @contextmanager
    def getting_signals(self) -> Iterator[None]:
        """Within it, what ends us ends the program first, and then we clean up."""
        numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
        before = {number: signal.signal(number, self._heed) for number in numbers}
        if hasattr(signal, "SIGCHLD"):
            # Inherited as ignored, it would hide how the program ended.
            before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _heed(self, number: int, _: FrameType | None) -> None:
        if self._process is None:
            if not self._is_starting:
                raise SystemExit(SIGNALLED + number)
            self._early.append(number)
            return
        if signal.Signals(number).name in _OF_THE_TERMINAL and _is_at_terminal():
            return  # the terminal has sent it to all of us
        with suppress(ProcessLookupError):
            self._process.send_signal(number)


def _is_at_terminal() -> bool:
    try:
        return os.isatty(sys.stdin.fileno())
    except (OSError, ValueError, AttributeError):
        return False
