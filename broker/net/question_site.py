"""Serves the page of a question on loopback. Satisfies the services' `QuestionSite`.

Its address has 256 random bits, and what its form sends back another 256, good for one
answer: no page of another site can know either. But a browser is started with the
address as its argument, which every user of a machine may read: so no other user is let
in.
"""

import hmac
import logging
import secrets
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import parse_qs

from broker.host.loopback_peer import is_own
from broker.model.consent import Answer
from broker.model.question_page import QuestionPage
from broker.model.time import Seconds
from broker.net.loopback_sockets import loopback_sockets
from broker.net.pages import STRAY
from broker.net.question_page import ALLOWED, DENIED, NOT_TAKEN, question_page
from broker.net.site import IDLE, Address, LoopbackSite, Reply, Target

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
_BYTES = 32
_FIELDS = 2

_NOTHING_HERE = Reply(page=STRAY, status=HTTPStatus.NOT_FOUND)
_STRAY_REPLY = Reply(page=STRAY, status=HTTPStatus.BAD_REQUEST)


class QuestionSites:
    """Serves pages, each on a port of its own.

    Args:
        is_own: see `LoopbackSite`.
    """

    def __init__(
        self,
        *,
        idle: Seconds = IDLE,
        is_own: Callable[[Address, Address], bool] = is_own,
    ) -> None:
        self._idle = idle
        self._is_own = is_own

    async def open(self, page: QuestionPage) -> "OpenQuestionPage":
        """Serve it until it is closed; `PortInUseError` where no port is to be had."""
        sockets = loopback_sockets(HOST, None, 0)
        opened = OpenQuestionPage(page)
        site = LoopbackSite(
            sockets,
            host=HOST,
            answer=opened.answer,
            idle=self._idle,
            form_path=opened.path,
            is_own_form=True,
            is_own=self._is_own,
        )
        await opened.start(site)
        return opened


class OpenQuestionPage:
    """A page that can be opened.

    Attributes:
        path: of its address.
    """

    _served: LoopbackSite

    def __init__(self, page: QuestionPage) -> None:
        self._page = page
        self.path = f"/question/{secrets.token_urlsafe(_BYTES)}"
        self._token = secrets.token_urlsafe(_BYTES)
        self._is_answered = False

    async def start(self, served: LoopbackSite) -> None:
        """Listen on the site; called once, by `QuestionSites`."""
        self._served = served
        await served.start()
        log.info("question.page.started origin=%s", served.origin)

    @property
    def url(self) -> str:
        """With the port that it really has."""
        return self._served.origin + self.path

    async def answer(self, target: Target) -> Reply:
        """The question, what became of it, or nothing."""
        if not hmac.compare_digest(target.path.encode(), self.path.encode()):
            return _NOTHING_HERE
        if target.form is not None:
            return await self._received(target.form)
        if target.query is not None or self._is_answered:
            return _NOTHING_HERE
        page = question_page(self._page, path=self.path, token=self._token)
        return Reply(page=page)

    async def _received(self, form: str) -> Reply:
        answer = self._parsed(form)
        if answer is None or self._is_answered:
            return _STRAY_REPLY
        self._is_answered = True
        if not await self._page.on_answer(answer):
            self._is_answered = False  # where it is open still, it waits for another
            return Reply(page=NOT_TAKEN, status=HTTPStatus.CONFLICT)
        return Reply(page=DENIED if answer is Answer.DENY else ALLOWED)

    def _parsed(self, form: str) -> Answer | None:
        try:
            fields = parse_qs(form, strict_parsing=True, max_num_fields=_FIELDS)
        except ValueError:
            return None
        (token, *_), (word, *_) = fields.get("token", [""]), fields.get("answer", [""])
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            return None
        return next((one for one in self._page.answers if one.value == word), None)

    async def close(self) -> None:
        """Whoever has just answered is shown that first. Idempotent."""
        await self._served.stop()
        log.info("question.page.complete origin=%s", self._served.origin)
