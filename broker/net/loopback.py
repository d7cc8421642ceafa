"""The redirect listener: awaits the authorization response (RFC 8252 section 7.3).

Satisfies the services' `RedirectListener`. Knows no login.
"""

import asyncio
import logging
import secrets
from http import HTTPStatus
from typing import assert_never

from broker.model.redirect import Outcome, RedirectSite, ResponseMode, Verdict
from broker.model.time import Seconds
from broker.net.loopback_sockets import loopback_sockets
from broker.net.pages import FAILURE, MOVED, REFUSAL, STRAY, Page, success_page
from broker.net.site import IDLE, LoopbackSite, Reply, Target

log = logging.getLogger(__name__)

LINGER = Seconds(5)
"""How long a browser may take to fetch the outcome once the login has ended."""

_DONE_TOKEN_BYTES = 16
_STRAY_REPLY = Reply(page=STRAY, status=HTTPStatus.BAD_REQUEST)
_NOTHING_HERE = Reply(page=STRAY, status=HTTPStatus.NOT_FOUND)


class LoopbackListener:
    """Opens redirect listeners, each on a port of its own.

    Args:
        linger: seconds that a browser has for the outcome.
        idle: seconds until a request must be whole.
    """

    def __init__(self, *, linger: Seconds = LINGER, idle: Seconds = IDLE) -> None:
        self._linger = linger
        self._idle = idle

    async def open(self, site: RedirectSite) -> "OpenLoopback":
        """Listen.

        Raises:
            PortInUseError: the port is taken, on any family that is needed.
            BadRequestError: the address to bind is not a literal loopback address.
        """
        sockets = loopback_sockets(site.host, site.bind, site.port)
        opened = OpenLoopback(site, linger=self._linger)
        takes_form = site.mode is ResponseMode.FORM_POST
        await opened.start(
            LoopbackSite(
                sockets,
                host=site.host,
                answer=opened.answer,
                idle=self._idle,
                form_path=site.path if takes_form else None,
            )
        )
        return opened


class OpenLoopback:
    """A redirect listener that is listening."""

    _served: LoopbackSite

    def __init__(self, site: RedirectSite, *, linger: Seconds) -> None:
        self._site = site
        self._linger = linger
        # Only the browser that brought the response is told it: another program that
        # fetched the outcome first would end the waiting for the person's browser.
        self._done_path = f"/done/{secrets.token_urlsafe(_DONE_TOKEN_BYTES)}"
        self._is_taken = False
        self._shown = asyncio.Event()
        self._closing: asyncio.Task[None] | None = None

    async def start(self, served: LoopbackSite) -> None:
        """Listen on the site; called once, by `LoopbackListener`."""
        self._served = served
        await served.start()
        log.info("loopback.listen.started origin=%s", served.origin)

    @property
    def redirect_uri(self) -> str:
        """Such as 'http://127.0.0.1:43211/', with the port it really has."""
        return self._served.origin + self._site.path

    async def answer(self, target: Target) -> Reply:
        """The redirect URI, the page it leads to, or nothing."""
        # In the one mode that was asked for: a code in the address would lie in the
        # browser's history, where the issuer was to send a form.
        is_form = self._site.mode is ResponseMode.FORM_POST
        response = target.form if is_form else target.query
        if target.path == self._site.path and response:
            return self._received(response)
        if target.path == self._done_path:
            return await self._outcome()
        return _NOTHING_HERE

    def _received(self, query: str) -> Reply:
        if self._site.on_response(query) is Verdict.STRAY:
            return _STRAY_REPLY
        self._is_taken = True
        # Moved on, so that the code stays in no address bar, history or screenshot.
        return Reply(page=MOVED, status=HTTPStatus.SEE_OTHER, location=self._done_path)

    async def _outcome(self) -> Reply:
        outcome = await self._site.outcome()
        self._shown.set()
        return Reply(page=page_of(outcome, self._site.success_message))

    async def close(self) -> None:
        """Show the outcome to a browser that is still on its way, then stop.

        Idempotent; whoever calls it a second time waits for the first.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(
                self._close(), name=f"close {self._served.origin}"
            )
        # Shielded: whoever gives up waiting must not leave the port open.
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._is_taken:
            await _at_most(self._linger, self._shown)
        await self._served.stop()
        log.info("loopback.listen.complete origin=%s", self._served.origin)


async def _at_most(seconds: Seconds, event: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        log.info("loopback.outcome.unseen")


def page_of(outcome: Outcome, success_message: str | None) -> Page:
    """The page that tells how a login ended."""
    match outcome:
        case Outcome.SIGNED_IN:
            return success_page(success_message)
        case Outcome.REFUSED:
            return REFUSAL
        case Outcome.FAILED:
            return FAILURE
        case _:
            assert_never(outcome)
