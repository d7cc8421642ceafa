"""A pinentry for tests: a real program that speaks Assuan, with scripted answers."""

import json
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

_PROGRAM = """#!{python}
import json, os, sys, time

answers = {answers!r}
counted = {folder!r} + "/asked"
said = open({folder!r} + "/said", "a")
print({greeting!r}, flush=True)
for line in sys.stdin:
    word, _, rest = line.rstrip("\\n").partition(" ")
    said.write(json.dumps([os.getpid(), sys.argv[1:], word, rest]) + "\\n")
    said.flush()
    if word != "GETPIN":
        print("ERR 83886254 Unknown option" if "ttytype" in rest else "OK", flush=True)
        continue
    number = os.path.getsize(counted) if os.path.exists(counted) else 0
    with open(counted, "a") as asked:
        asked.write("x")
    answer = answers[number]
    if answer is None:
        print("ERR 83886179 Operation cancelled <Pinentry>", flush=True)
    elif answer.startswith("ERR") or answer.startswith("D "):
        print(answer, flush=True)
        if answer.startswith("D "):
            print("OK", flush=True)
    elif answer == "HANG":
        time.sleep(600)
    elif answer == "LEAVE":
        sys.exit(1)
    else:
        print("S PASSWORD_FROM_CACHE 0\\n# a comment", flush=True)
        print("D " + answer + "\\nOK", flush=True)
"""


@dataclass
class FakePinentry:
    """The program at `path`.

    Attributes:
        path: to run.
    """

    path: Path

    @classmethod
    def make(
        cls, folder: Path, *answers: str | None, greeting: str = "OK Pleased"
    ) -> "FakePinentry":
        """One that gives these answers, one a question; None refuses."""
        path = folder / "pinentry-fake"
        path.write_text(
            _PROGRAM.format(
                python=sys.executable,
                answers=answers,
                folder=str(folder),
                greeting=greeting,
            )
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return cls(path)

    @property
    def heard(self) -> list[tuple[str, str]]:
        """Every command that it was given, with its argument."""
        return [(word, rest) for _, _, word, rest in self._lines()]

    @property
    def arguments(self) -> list[list[str]]:
        """Of each command, the arguments of the process that heard it."""
        return [arguments for _, arguments, _, _ in self._lines()]

    @property
    def pids(self) -> set[int]:
        """Of the processes that there were."""
        return {pid for pid, _, _, _ in self._lines()}

    def texts(self, word: str) -> list[str]:
        """What each such command said."""
        return [rest for heard, rest in self.heard if heard == word]

    def _lines(self) -> list[tuple[int, list[str], str, str]]:
        said = self.path.with_name("said")
        if not said.exists():
            return []
        return [tuple(json.loads(line)) for line in said.read_text().splitlines()]
