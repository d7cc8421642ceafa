"""Opens the person's browser for sign-ins that are begun on another host.

Whoever is there chooses the moment, and nothing else: the daemon says what page it is.
"""

import time
from collections import deque
from collections.abc import Callable
from threading import Event

from broker.control.broker import Broker, Json, members, text
from broker.control.browser import is_safe_url, open_browser
from broker.control.output import tell, tell_note
from broker.control.watch import events
from broker.model.event import EventKind
from brokerd_client import BrokerError

MOST_PAGES = 5
WITHIN_SECONDS = 600
"""A program there could open a page after the other; after these, URLs are told."""


class RemoteLogins:
    """The hand at the desk, for one socket.

    Args:
        name: of the socket.
        host: where its other end is, for the person.
        opens: whether a browser may be opened.
        browser: which one, or None.
        monotonic: seconds, for the limit.
    """

    def __init__(
        self,
        name: str,
        host: str,
        *,
        opens: bool,
        browser: str | None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._host = host
        self._opens = opens
        self._browser = browser
        self._monotonic = monotonic
        self._pages: deque[float] = deque(maxlen=MOST_PAGES)
        self._seen: set[str] = set()

    def listen(self, over: Event) -> None:
        """Until the daemon goes, and `over` is set."""
        try:
            for event in events(reconnect=True, start=False, over=over):
                if self._may_be_ours(event):
                    self.look(Broker())
        except BrokerError as exc:
            tell_note(f"no browser is opened any more: {exc.detail}")

    def look(self, broker: Broker) -> None:
        """Show the pages of the sign-ins that are new."""
        for login in members(broker.call("GET", "/v1/logins", start=False), "logins"):
            if text(login, "socket") == self._name:
                self._show(login)

    def _may_be_ours(self, event: Json) -> bool:
        kind = text(event, "event")
        if kind == EventKind.LOGIN_BEGUN.value:
            return text(event, "socket") == self._name
        # What began before, or meanwhile, is not told.
        return kind in (EventKind.LISTENING.value, EventKind.MISSED.value)

    def _show(self, login: Json) -> None:
        login_id, url = text(login, "id"), text(login, "authorization_url")
        if login_id in self._seen or not is_safe_url(url):
            return
        self._seen.add(login_id)
        account = text(login, "account")
        tell(f"a sign-in of {account!r} was asked for on {self._host}")
        if not (self._may_open() and open_browser(url, self._browser)):
            tell(f"open this URL to go on: {url}")

    def _may_open(self) -> bool:
        if not self._opens:
            return False
        now = self._monotonic()
        is_full = len(self._pages) == MOST_PAGES
        if is_full and now - self._pages[0] < WITHIN_SECONDS:
            return False
        self._pages.append(now)
        return True
