"""The routes of questions about programs, and of the answers that are remembered."""

from broker.ipc import consent_wire, web
from broker.ipc.replies import json_reply
from broker.ipc.wire import parse_body
from broker.model.late import Late
from broker.services.consents import Consents
from broker.services.interfaces import Clock
from broker.services.question_pages import QuestionPages


class ConsentRoutes:
    """All of them; which path leads where is said in `RareRoutes`.

    Args:
        pages: what shows a question in a browser.
    """

    def __init__(
        self, consents: Consents, pages: Late[QuestionPages], clock: Clock
    ) -> None:
        self._consents = consents
        self._pages = pages
        self._clock = clock

    async def questions(self, _: web.Request) -> web.StreamResponse:
        """`GET /v1/questions`: those that are open."""
        return json_reply(consent_wire.questions_reply(self._consents))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/questions/ID`."""
        body = parse_body(await request.read(), consent_wire.AnswerBody)
        answer = consent_wire.answer_given(body)
        question_id = request.match_info["id"]
        await self._consents.answer(question_id, answer)
        return json_reply({"id": question_id, "answer": answer.value})

    async def page(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/questions/ID/page`."""
        url = await self._pages.get().open(request.match_info["id"])
        return json_reply({"url": url}, status=201)

    async def consents(self, _: web.Request) -> web.StreamResponse:
        """`GET /v1/consents`."""
        remembered = await self._consents.remembering.now()
        now = self._clock.now()
        silenced = self._consents.limits.silenced(now)
        return json_reply(consent_wire.consents_reply(remembered, silenced, now))

    async def revoke(self, request: web.Request) -> web.StreamResponse:
        """`DELETE /v1/consents/ID`."""
        await self._consents.revoke(request.match_info["id"])
        return web.Response(status=204)

    async def revoke_all(self, _: web.Request) -> web.StreamResponse:
        """`DELETE /v1/consents`."""
        await self._consents.revoke(None)
        return web.Response(status=204)
