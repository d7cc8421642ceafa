"""Asks with a command of the person's own, in a thread a question."""

import json
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from threading import Lock, Thread, current_thread

from broker.control.broker import Json, text
from broker.control.hook import end_process
from broker.control.output import tell_note
from broker.control.questions import offered
from broker.control.ways import Answered, WayFailedError

END_SECONDS = 5.0


class CommandWay:
    """Runs the command for each question, and reads a word of it. No shell is between.

    Args:
        words: the command and its arguments.
        answered: is told what it wrote.
    """

    def __init__(self, words: Sequence[str], answered: Answered) -> None:
        self._words = words
        self._answered = answered
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._threads: set[Thread] = set()
        self._lock = Lock()

    def ask(self, question: Json) -> None:
        """Run it."""
        try:
            process = subprocess.Popen(  # noqa: S603 - it is what the person typed
                self._words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as exc:
            reason = (exc.strerror or "unknown").lower()
            raise WayFailedError(f"{self._words[0]} cannot be run: {reason}") from exc
        question_id = text(question, "id")
        with self._lock:
            self._running[question_id] = process
        thread = Thread(
            target=self._await,
            args=(question, process),
            name=f"question {question_id}",
            daemon=True,
        )
        self._threads.add(thread)
        thread.start()

    def withdraw(self, question_id: str) -> None:
        """End it: somebody else has answered."""
        with self._lock:
            process = self._running.pop(question_id, None)
        if process is not None:
            end_process(process)

    def close(self) -> None:
        """End all of them."""
        for question_id in list(self._running):
            self.withdraw(question_id)
        for thread in list(self._threads):
            thread.join(END_SECONDS)  # it may just be telling an answer

    def _await(self, question: Json, process: subprocess.Popen[bytes]) -> None:
        try:
            self._take(question, process)
        finally:
            self._threads.discard(current_thread())

    def _take(self, question: Json, process: subprocess.Popen[bytes]) -> None:
        output = b""
        with suppress(OSError, ValueError):  # it was ended meanwhile
            output, _ = process.communicate(json.dumps(question).encode() + b"\n")
        question_id = text(question, "id")
        with self._lock:
            if self._running.pop(question_id, None) is None:
                return  # withdrawn: what it wrote means nothing any more
        word = output.decode(errors="replace").strip()
        if process.returncode == 0 and word in offered(question):
            self._answered(question_id, word)
        else:
            tell_note(
                f"{self._words[0]} gave no answer; the question is open still: "
                f"`brokerctl approve {question_id}`"
            )
