"""An issuer in memory that rotates, and watches for what must never come to it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from broker.model.errors import IssuerUnreachableError
from broker.model.http import HttpRequest, HttpResponse
from broker.model.time import Seconds
from tests.fakes.clock import FakeClock
from tests.fakes.sender import FakeSender, json_response
from tests.services.world import ISSUER, refusal, token_answer

LIFE = Seconds(90)
DEADLINE = Seconds(30)
"""The outbound door gives up after it."""


@dataclass(frozen=True, order=True)
class Number:
    """Which refresh token: of which login, and how many times rotated."""

    login: int
    turn: int

    def __str__(self) -> str:
        return f"{self.login}-{self.turn}"


def number_of(token: str) -> Number:
    """From the text of a refresh token, or of the access token it gave."""
    login, turn = token.split("-")
    return Number(int(login), int(turn))


class Lost(Exception):  # noqa: N818 - an event, not an error
    """The answer does not come back."""


Outcome = Callable[["RotatingIssuer", Number], HttpResponse]


@dataclass
class RotatingIssuer:
    """Refresh tokens rotate when the request arrives, however slow the answer is.

    Attributes:
        newest: by login, the turn of the refresh token that is not retired; a grant
            that the issuer has ended is absent.
        seen: by login, the newest turn that an answer has told the broker of.
        expiry: by access token, when it ends on the boot clock.
        outcomes: what the next requests come to; then all goes well.
        slow: while it is set, answers wait for it.
        faults: what came that must never come.
        crashing: while it is true, whoever waits is cut off.
        lost: whether a rotated token was lost on the way, so that nobody can blame
            the broker for what it does not have.
    """

    clock: FakeClock
    newest: dict[int, int] = field(default_factory=lambda: {1: 1})
    seen: dict[int, int] = field(default_factory=lambda: {1: 1})
    expiry: dict[str, float] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    slow: asyncio.Event | None = None
    faults: list[str] = field(default_factory=list)
    crashing: bool = False
    lost: bool = False
    _under_way: set[int] = field(default_factory=set)

    def sender(self) -> FakeSender:
        """A door to it for one daemon."""
        self._under_way.clear()
        sender = FakeSender()
        sender.answer_always(lambda request: self._serve(sender, request))
        return sender

    def signed_in(self, login: int) -> None:
        """A new grant, whose first refresh token the broker has."""
        self.newest[login] = self.seen[login] = 1

    async def _serve(self, sender: FakeSender, _: HttpRequest) -> HttpResponse:
        number = number_of(sender.form()["refresh_token"])
        if number.login in self._under_way:
            self.faults.append(f"two refreshes of login {number.login} at once")
        if number.turn < self.seen[number.login]:
            self.faults.append(f"{number} was sent after a newer one was seen")
        self._under_way.add(number.login)
        try:
            return await self._answer(number)
        finally:
            self._under_way.discard(number.login)

    async def _answer(self, number: Number) -> HttpResponse:
        outcome = self.outcomes.pop(0) if self.outcomes else granted
        began = self.clock.now().boot
        is_rotation = outcome is granted
        try:
            response = outcome(self, number)
            await self._pass()
            if self.clock.now().boot - began >= DEADLINE:
                raise Lost  # noqa: TRY301 - as an outcome may
        except Lost:
            self.lost |= is_rotation or outcome is granted_and_lost
            raise IssuerUnreachableError(issuer=ISSUER.url, what="gone") from None
        except asyncio.CancelledError:
            if not self.crashing:
                self.faults.append("a refresh was given up half-way")
            self.lost = True
            raise
        if response.status == 200 and is_rotation:
            self.seen[number.login] = self.newest.get(number.login, 0)
        return response

    async def _pass(self) -> None:
        """The way there and back: others run meanwhile."""
        await asyncio.sleep(0)
        if self.slow is not None:
            await self.slow.wait()


def granted(issuer: RotatingIssuer, number: Number) -> HttpResponse:
    """A new pair, if the refresh token is the newest; else the end of the grant."""
    if issuer.newest.get(number.login) != number.turn:
        issuer.newest.pop(number.login, None)
        return refusal("invalid_grant")
    issuer.newest[number.login] += 1
    issuer.expiry[str(number)] = issuer.clock.now().boot + LIFE
    following = Number(number.login, number.turn + 1)
    return token_answer(str(number), refresh_token=str(following), expires_in=LIFE)


def granted_and_lost(issuer: RotatingIssuer, number: Number) -> HttpResponse:
    """The same, and nobody hears of it."""
    granted(issuer, number)
    raise Lost


def unheard(_: RotatingIssuer, __: Number) -> HttpResponse:
    """The request gets lost."""
    raise Lost


def overloaded(_: RotatingIssuer, __: Number) -> HttpResponse:
    return json_response({}, status=503)


def portal(_: RotatingIssuer, __: Number) -> HttpResponse:
    return HttpResponse(
        status=200, headers={"content-type": "text/html"}, body=b"<html>Welcome"
    )


def client_refused(_: RotatingIssuer, __: Number) -> HttpResponse:
    return refusal("invalid_client", status=401)


def ended(issuer: RotatingIssuer, number: Number) -> HttpResponse:
    """The person has taken the grant back at the issuer."""
    issuer.newest.pop(number.login, None)
    return refusal("invalid_grant")


OUTCOMES: dict[str, Outcome] = {
    "the answer will be lost": granted_and_lost,
    "the request will be lost": unheard,
    "the issuer will be overloaded": overloaded,
    "a portal will answer": portal,
    "the client will be refused": client_refused,
    "the grant will be ended": ended,
}
