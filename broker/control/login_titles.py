"""Sign-ins whose code stands in the title of the browser's window.

Titles are read while such a login waits, and at no other time. Which title is its
answer, the daemon decides: it knows the state.
"""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from broker.control.broker import Broker, Json
from broker.control.login_end import Ending
from broker.control.login_request import Words
from broker.control.output import bad_usage, tell_note, waiting
from broker.host.window_titles import open_windows
from broker.host.windows import Window, Windows
from broker.oauth.oob import parse_title
from brokerd_client import BrokerError

OOB_AUTO = "oob-auto"
POLL_SECONDS = 0.5
"""Between two looks: nobody minds half a second, and no machine two looks a second."""

_RUN_SECONDS = 30
_HINT = "--oob takes a code that the page shows, --paste the address it ends at"


@contextmanager
def titles_for(words: Words) -> Iterator["Titles | None"]:
    """The windows as they are before the browser opens; None for every other way.

    Raises:
        BrokerError: no titles can be seen from here.
    """
    if words["close_window"] and words["way"] != OOB_AUTO:
        raise bad_usage("--close-window goes with --oob-auto", "leave it out")
    if words["way"] != OOB_AUTO:
        yield None
        return
    try:
        windows = open_windows(os.environ, _run)
    except OSError as exc:
        raise _unseen(exc) from exc
    try:
        yield Titles(windows, is_closing=words["close_window"])
    finally:
        windows.release()


class Titles:
    """Watches the titles of one session for the answer to one login."""

    def __init__(self, windows: Windows, *, is_closing: bool) -> None:
        """Remember what is there.

        Raises:
            BrokerError: no titles can be seen.
        """
        self._windows = windows
        self._is_closing = is_closing
        before = self._all()
        self._numbers = frozenset(window.number for window in before)
        # A title is looked at once: what an old window says is of an old login.
        self._seen = {window.number: window.title for window in before}
        self._has_told = False

    def await_end(self, broker: Broker, path: str) -> Json:
        """The daemon's last answer about a login.

        Args:
            broker: the daemon.
            path: of the login, such as '/v1/logins/ID'.

        Raises:
            BrokerError: the daemon or the session went.
        """
        ending = Ending(Broker(), path)
        ending.start()
        try:
            with waiting("waiting for the code in a title (Ctrl-C gives up)"):
                while not ending.within(POLL_SECONDS):
                    if self._look(broker, path):
                        ending.within(None)
            return ending.answer()
        finally:
            ending.give_up()

    def _look(self, broker: Broker, path: str) -> bool:
        """Hand over what is new and can be an answer; whether one was taken."""
        for window in self._all():
            is_new = self._seen.get(window.number) != window.title
            self._seen[window.number] = window.title
            if is_new and self._hand_over(broker, path, window):
                return True
        return False

    def _hand_over(self, broker: Broker, path: str, window: Window) -> bool:
        answer = parse_title(window.title)
        if answer is None:
            return False
        body: Json = {"pasted": answer.reveal()}
        try:
            broker.call("POST", f"{path}/response", body, start=False)
        except BrokerError as exc:
            if exc.code != "paste_refused":
                raise
            self._tell_passed_over(exc)
            return False
        if self._is_closing:
            self._close(window)
        return True

    def _tell_passed_over(self, refused: BrokerError) -> None:
        """Once: a page may write as many titles as it likes."""
        if not self._has_told:
            detail = refused.detail.replace("what was pasted", "it", 1)
            tell_note(f"the title of a window was passed over: {detail}")
        self._has_told = True

    def _close(self, window: Window) -> None:
        if window.number in self._numbers:
            # It has other tabs, which are the person's.
            tell_note("the window was there before, and is left open: close its tab")
            return
        try:
            self._windows.ask_to_close(window)
        except OSError as exc:
            tell_note(f"the window could not be closed: {exc.strerror or exc}")

    def _all(self) -> Sequence[Window]:
        try:
            return self._windows.all()
        except OSError as exc:
            raise _unseen(exc) from exc


def _unseen(exc: OSError) -> BrokerError:
    return bad_usage(f"titles cannot be read here: {exc.strerror or exc}", _HINT)


def _run(command: Sequence[str], text: str) -> str:
    """See `Run`."""
    try:
        done = subprocess.run(  # noqa: S603 - our own words, and no shell reads them
            command,
            check=False,
            capture_output=True,
            input=text,
            text=True,
            errors="replace",
            timeout=_RUN_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"{command[0]} does not answer") from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["no reason given"]
        raise OSError(f"{command[0]}: {said[-1]}")
    return done.stdout
