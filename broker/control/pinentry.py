"""The system's pinentry: asks for a passphrase in the person's session.

A child of brokerctl's, spoken to in the Assuan protocol on its standard input and
output, so that nothing secret is in an argument or a variable.
"""

import os
import subprocess
import sys
from contextlib import suppress
from types import TracebackType
from typing import IO, Self
from urllib.parse import unquote_to_bytes

from broker.model.text import safe_text

END_SECONDS = 2
"""Between asking it to end and killing it."""

_LONGEST_LINE = 1000
"""Assuan's own limit, with the line end."""

# libgpg-error's numbers, in the lower half of the code: 'err-codes.h'.
_NUMBER = 0xFFFF
_REFUSED = {62, 99, 114, 198}
"""Timeout, canceled, not confirmed, fully canceled."""


class PinentryError(Exception):
    """It cannot ask here; the text says why to people."""


class Pinentry:
    """One run of the program; a context, which ends it."""

    def __init__(self, program: str) -> None:
        """Start it.

        Raises:
            PinentryError: it cannot be started, or does not greet.
        """
        try:
            self._process = subprocess.Popen(  # noqa: S603 - named by the person
                [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        except OSError as exc:
            reason = (exc.strerror or "unknown").lower()
            raise PinentryError(f"{program} cannot be run: {reason}") from exc
        self._program = program
        try:
            self._answer()
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def ask(self, description: str, *, error: str | None = None) -> str | None:
        """What the person typed, or None where they refused.

        Args:
            description: what is asked for, and why.
            error: what was wrong with the last answer, or None.

        Raises:
            PinentryError: it cannot ask here.
        """
        for option in _options():
            # A pinentry that does not know one does well without.
            with suppress(_RefusedError):
                self._say("OPTION", option)
        self._say("SETTITLE", "brokerd")
        self._say("SETDESC", description)
        self._say("SETPROMPT", "Passphrase:")
        if error is not None:
            self._say("SETERROR", error)
        try:
            return self._say("GETPIN")
        except _RefusedError as exc:
            if exc.number in _REFUSED:
                return None
            raise

    def _say(self, command: str, text: str = "") -> str:
        """One command and its answer's data."""
        line = f"{command} {escaped(text)}".strip().encode()
        try:
            self._pipe(self._process.stdin).write(line[: _LONGEST_LINE - 1] + b"\n")
            self._pipe(self._process.stdin).flush()
        except OSError as exc:
            raise PinentryError(f"{self._program} has gone") from exc
        return self._answer()

    def _answer(self) -> str:
        data = b""
        while True:
            line = self._pipe(self._process.stdout).readline(_LONGEST_LINE + 1)
            if not line.endswith(b"\n"):
                raise PinentryError(f"{self._program} has gone")
            word, _, rest = line.rstrip(b"\r\n").partition(b" ")
            if word == b"D":
                data += rest
            elif word == b"OK":
                return unescaped(data)
            elif word == b"ERR":
                raise _refused(self._program, rest)

    def _pipe(self, pipe: IO[bytes] | None) -> IO[bytes]:
        if pipe is None:  # for mypy: both were asked for
            raise PinentryError(f"{self._program} cannot be heard")
        return pipe

    def _end(self) -> None:
        """It reads nothing while it asks: so it is ended, not told to."""
        self._process.terminate()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # what was not sent is of no interest
                self._pipe(pipe).close()


class _RefusedError(PinentryError):
    """Its answer was an error.

    Attributes:
        number: libgpg-error's.
    """

    def __init__(self, words: str, number: int) -> None:
        super().__init__(words)
        self.number = number


def _refused(program: str, rest: bytes) -> _RefusedError:
    code, _, words = rest.partition(b" ")
    number = int(code) & _NUMBER if code.isdigit() else 0
    said = safe_text(words.decode(errors="replace"))
    return _RefusedError(f"{program} cannot ask here: {said}", number)


def _options() -> list[str]:
    """Where the person is, for a pinentry that has no display."""
    found = {"ttytype": os.environ.get("TERM"), "lc-ctype": os.environ.get("LC_CTYPE")}
    if sys.stdin.isatty():
        found["ttyname"] = os.ttyname(sys.stdin.fileno())
    return [f"{name}={value}" for name, value in found.items() if value]


def escaped(text: str) -> str:
    """As Assuan takes it in one line."""
    for special in "%\r\n":
        text = text.replace(special, f"%{ord(special):02X}")
    return text


def unescaped(data: bytes) -> str:
    """What lines of data say."""
    return unquote_to_bytes(data).decode("utf-8", "surrogateescape")
