"""The load: load.c, compiled at each run, and what it measured as values."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.processes import run

HERE = Path(__file__).parent
COMPILER = "cc"


@dataclass(frozen=True, slots=True)
class Target:
    """Who is asked, and with which bytes."""

    socket: Path
    request: bytes


class Load:
    """Asks targets. Programs and requests lie in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._program = compiled("load.c", folder)

    def new(self, targets: Mapping[str, Target], rounds: int) -> dict[str, list[float]]:
        """Seconds of each answer, with a connection for each; a thousand in a row."""
        return self._in_turn("new", targets, rounds)

    def cold(
        self, targets: Mapping[str, Target], rounds: int
    ) -> dict[str, list[float]]:
        """As `new`, but in turn: the processor's caches hold what another one left."""
        return self._in_turn("cold", targets, rounds)

    def kept(
        self, targets: Mapping[str, Target], rounds: int
    ) -> dict[str, list[float]]:
        """Seconds of each answer, on one connection."""
        return self._in_turn("kept", targets, rounds)

    def crowd(self, target: Target, threads: int, requests: int) -> tuple[int, float]:
        """How many of `requests` were answered, and in how many seconds."""
        return _answered(
            run(
                self._program, "crowd", str(threads), str(requests), *self._told(target)
            )
        )

    def burst(self, target: Target, connections: int) -> tuple[int, float]:
        """As `crowd`, with every connection open before an answer is read."""
        return _answered(
            run(self._program, "burst", str(connections), *self._told(target))
        )

    def begin(self, target: Target) -> subprocess.Popen[str]:
        """One request that may take long; whoever begins it awaits its end."""
        words = [self._program, "crowd", "1", "1", *self._told(target)]
        return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)

    def _in_turn(
        self, mode: str, targets: Mapping[str, Target], rounds: int
    ) -> dict[str, list[float]]:
        words = [word for one in targets.values() for word in self._told(one)]
        said = run(self._program, mode, str(rounds), *words)
        timed: dict[str, list[float]] = {name: [] for name in targets}
        names = list(targets)
        for line in said.splitlines():
            index, nanoseconds = line.split()
            timed[names[int(index)]].append(int(nanoseconds) / 1e9)
        return timed

    def _told(self, target: Target) -> list[str | Path]:
        file = self._folder / f"{target.request.__hash__():x}.request"
        file.write_bytes(target.request)
        return [target.socket, file]


def compiled(source: str, folder: Path) -> Path:
    """The program of a C file beside this one."""
    program = folder / source.removesuffix(".c")
    run(COMPILER, "-O2", "-pthread", "-o", program, HERE / source)
    return program


def _answered(said: str) -> tuple[int, float]:
    answered, seconds = said.split()
    return int(answered), float(seconds)
