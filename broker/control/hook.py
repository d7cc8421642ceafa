"""A person's own command, run once for an event: names and facts, never a token.

The daemon starts no process: this runs in the person's session, as they would.
No shell is in between, and what an issuer said cannot become a word of it.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType

from broker.control.broker import Json
from broker.model.text import safe_text

END_SECONDS = 2
"""Between asking a command to end and killing it."""

LONGEST_FACT = 4096
"""Characters; an issuer's URL has fewer."""

_FACTS = {
    "BROKERD_EVENT": "event",
    "BROKERD_ACCOUNT": "account",
    "BROKERD_ISSUER": "issuer",
    "BROKERD_REASON": "reason",
    "BROKERD_QUESTION": "question",
}


def run_hook(words: Sequence[str], event: Json, seconds: float) -> str | None:
    """Run the command and wait for it; what went wrong, in words, or None.

    The event is in its environment and, as a line of JSON, on its standard input.

    Args:
        words: the command and its arguments.
        event: as the daemon told it.
        seconds: how long it may take; then it is ended, with all that it started.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - it is what the person typed
            words,
            stdin=subprocess.PIPE,
            env=hook_environment(os.environ, event),
            start_new_session=True,
        )
    except OSError as exc:
        return f"{words[0]} cannot be run: {(exc.strerror or 'unknown').lower()}"
    try:
        process.communicate(json.dumps(event).encode() + b"\n", timeout=seconds)
    except subprocess.TimeoutExpired:
        end_process(process)
        return f"{words[0]} was ended: it took longer than {seconds:g} seconds"
    except BaseException:  # the person wants no more of it
        end_process(process)
        raise
    return _outcome(words[0], process.returncode)


def hook_environment(own: Mapping[str, str], event: Json) -> dict[str, str]:
    """`own`, with the facts of the event; those that it has not are not set."""
    facts = {
        # A NUL could not be handed on, and a line end would break a log.
        variable: safe_text(str(event[member]), LONGEST_FACT)
        for variable, member in _FACTS.items()
        if event.get(member) is not None
    }
    return {k: v for k, v in own.items() if k not in _FACTS} | facts


@contextlib.contextmanager
def ending_hooks() -> Iterator[None]:
    """Within it, SIGTERM and SIGHUP end the command that runs, too, and then us."""
    numbers = [
        getattr(signal, name)
        for name in ("SIGTERM", "SIGHUP")
        if hasattr(signal, name)  # not every system has both
    ]
    before = {number: signal.signal(number, _leave) for number in numbers}
    if hasattr(signal, "SIGCHLD"):
        # Inherited as ignored, it would hide how the command ended.
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


def end_process(process: subprocess.Popen[bytes]) -> None:
    """End it and all that it started, and wait for its end."""
    if sys.platform == "win32":
        process.kill()
    else:
        # A group of its own: Ctrl-C at the terminal has not reached it either.
        _signal_group(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END_SECONDS)
        _signal_group(process, signal.SIGKILL)
    process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _outcome(name: str, code: int) -> str | None:
    if code < 0:
        return f"{name} was ended by signal {-code}"
    return f"{name} failed with exit code {code}" if code else None
