"""Asks with a page of the daemon's in the person's browser."""

from threading import Thread

from broker.control.broker import Broker, Json, text
from broker.control.browser import can_open, open_browser
from broker.control.output import tell_note
from broker.control.ways import WayFailedError
from brokerd_client import BrokerError


class PageWay:
    """Opens one page a question. The daemon hears the answer itself, and ends it."""

    def ask(self, question: Json) -> None:
        """Open it."""
        if not can_open():
            raise WayFailedError("no browser can be opened here")
        path = f"/v1/questions/{text(question, 'id')}/page"
        try:
            page = Broker().call("POST", path, {}, start=False)
        except BrokerError as exc:
            raise WayFailedError(exc.detail) from exc
        # Some browsers return when they are closed.
        url = text(page, "url")
        Thread(target=_open, args=(url,), name="browser", daemon=True).start()

    def withdraw(self, question_id: str) -> None:
        """Nothing: the page has ended with its question."""

    def close(self) -> None:
        """Nothing: the pages are the daemon's."""


def _open(url: str) -> None:
    if not open_browser(url, None):
        tell_note("no browser could be opened; `brokerctl approve` asks here")
