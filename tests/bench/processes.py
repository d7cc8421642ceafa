"""Processes of the bench: each says a line when it is ready, and ends with its use."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def running(words: Sequence[str | Path]) -> Iterator[str]:
    """A process; its first line."""
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, f"has not begun: {words}"
            yield line
        finally:
            process.terminate()


def run(*words: str | Path) -> str:
    """A process that must succeed; what it said."""
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout
