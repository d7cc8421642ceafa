"""A sender without a network. Satisfies `HttpSender`."""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl

from broker.model.errors import BrokerError
from broker.model.http import HttpRequest, HttpResponse

Answer = (
    HttpResponse
    | BrokerError
    | Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]
)


class FakeSender:
    """Gives the scripted answers in their order, then `otherwise` for ever.

    An answer is a response, an error to raise, or a function (plain or async) of the
    request. Without a script and without `otherwise` a request fails the test.
    """

    def __init__(self, *answers: Answer, otherwise: Answer | None = None) -> None:
        self.requests: list[HttpRequest] = []
        self.under_way = 0
        self._answers = deque(answers)
        self._otherwise = otherwise
        self._gate = asyncio.Event()
        self._gate.set()

    def script(self, *answers: Answer) -> None:
        """Add answers behind those that are still to come."""
        self._answers.extend(answers)

    def answer_always(self, answer: Answer) -> None:
        """What is answered once the script is over."""
        self._otherwise = answer

    def hold(self) -> asyncio.Event:
        """Keep every answer back, from now on, until the event is set.

        A held request is recorded at once: the issuer has it already.
        """
        self._gate = asyncio.Event()
        return self._gate

    def form(self, index: int = -1) -> dict[str, str]:
        """The form that a recorded request carried; a key twice is an error."""
        pairs = parse_qsl(
            self.requests[index].body.decode(),
            keep_blank_values=True,
            strict_parsing=True,
        )
        form = dict(pairs)
        assert len(form) == len(pairs), "a parameter was sent twice"
        return form

    async def send(self, request: HttpRequest) -> HttpResponse:
        # As aiohttp would: google-auth has bytes at hand in places.
        assert all(isinstance(value, str) for value in request.headers.values())
        self.requests.append(request)
        answer = self._answers.popleft() if self._answers else self._otherwise
        assert answer is not None, f"no answer is scripted for {request}"
        self.under_way += 1
        try:
            await self._gate.wait()
            return await _given(answer, request)
        finally:
            self.under_way -= 1

    async def close(self) -> None:
        """Nothing to let go of."""


async def _given(answer: Answer, request: HttpRequest) -> HttpResponse:
    if isinstance(answer, BrokerError):
        raise answer
    if isinstance(answer, HttpResponse):
        return answer
    given = answer(request)
    return given if isinstance(given, HttpResponse) else await given


def json_response(
    value: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """A response as issuers send it."""
    return HttpResponse(
        status=status,
        headers={"content-type": "application/json", **(headers or {})},
        body=json.dumps(value).encode(),
    )
