"""In whatever order things happen: no refresh token is sent twice, and none is lost."""

import asyncio
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.model.errors import BrokerError, IssuerUnreachableError
from broker.model.http import HttpRequest, HttpResponse
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.model.token import AccessToken
from broker.services.token_cache import TokenKey
from tests.fakes.clock import FakeClock, run_until_idle
from tests.fakes.sender import FakeSender
from tests.fakes.store import MemoryStore
from tests.services.world import WORK, a_grant, digest, refusal, token_answer, tokens_on

ALL = TokenKey(account=WORK, scopes=None, resource=None)
MAIL = TokenKey(account=WORK, scopes=frozenset({"mail"}), resource=None)

EVENTS = [
    # Twice and thrice: most stories shall be of those who ask.
    *("ask", "ask", "ask"),
    *("ask for mail", "ask for mail"),
    "ask for much life",
    "reject",
    "hang up",
    "the issuer answers",
    *("the issuer is slow", "the issuer is slow"),
    "the issuer goes down",
    "the issuer comes up",
    "the store is slow",
    "the store goes on",
    "the disk is full",
    *("a minute passes", "a minute passes"),
    "the person signs in",
]


class Story:
    """One run: an issuer that rotates, a broker, and those who ask it."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - to be repeated, not secret
        self.login = 1
        """The number of the login whose refresh token is the newest."""
        self.newest = {1: 1}
        """For each login, the number of the refresh token that is not retired."""
        self.faults: list[str] = []
        self.store = MemoryStore(a_grant(refresh_token="1-1"))
        self.sender = FakeSender(otherwise=self._answer)
        self.clock = FakeClock()
        self.slow: asyncio.Event | None = None
        self.down = False
        self.asked: list[tuple[int, asyncio.Task[AccessToken]]] = []
        self.others: list[asyncio.Task[None]] = []

    async def _answer(self, _: HttpRequest) -> HttpResponse:
        # Rotated when the request arrives: the answer may take as long as it likes.
        login, number = (int(n) for n in self._sent().split("-"))
        if self.down:
            raise IssuerUnreachableError(issuer="x", what="no route")
        if self.newest[login] != number:
            self.faults.append(f"refresh token {login}-{number} was sent again")
            return refusal("invalid_grant")
        if self.sender.under_way > 1 and login == self.login:
            self.faults.append("two refreshes of one grant at once")
        self.newest[login] += 1
        answer = token_answer(
            f"{login}-{number}", refresh_token=f"{login}-{number + 1}", expires_in=90
        )
        if self.slow is not None:
            await self.slow.wait()
        return answer

    def _sent(self) -> str:
        return self.sender.form()["refresh_token"]

    async def run(self, events: list[str]) -> None:
        self.tokens, self.grants = await tokens_on(self.store, self.sender, self.clock)
        for event in events:
            await self._happen(event)
            if self.random.random() < 0.7:
                await run_until_idle()
        await self._happen("the issuer answers")
        await self._happen("the store goes on")
        await asyncio.gather(*(t for _, t in self.asked), return_exceptions=True)
        await asyncio.gather(*self.others)
        self.store._failures = 0  # there is room again before the end
        await self.tokens.close()
        await self.grants.close()

    async def _happen(self, event: str) -> None:
        match event:
            case "hang up" if self.asked:
                self.random.choice(self.asked)[1].cancel()
            case "the disk is full":
                self.store.fail_next_save()
            case "a minute passes":
                await self.clock.advance(Seconds(60))
            case "the person signs in":
                self.others.append(asyncio.create_task(self._sign_in()))
            case _ if event.startswith("the "):
                self._delay(event)
            case _:
                self._somebody_asks(event)

    def _delay(self, event: str) -> None:
        match event:
            case "the issuer is slow":
                self.slow = self.slow or asyncio.Event()
            case "the issuer answers" if self.slow:
                self.slow.set()
                self.slow = None
            case "the issuer goes down" | "the issuer comes up":
                self.down = event == "the issuer goes down"
            case "the store is slow":
                self.store.gate = self.store.gate or asyncio.Event()
            case "the store goes on" if self.store.gate:
                self.store.gate.set()
                self.store.gate = None

    def _somebody_asks(self, event: str) -> None:
        match event:
            case "ask":
                self._ask(ALL, 0)
            case "ask for mail":
                self._ask(MAIL, 30)
            case "ask for much life":
                self._ask(ALL, 80)
            case "reject":
                token = self.tokens.cached(ALL, Seconds(0))
                if token is not None:
                    self._ask(ALL, 0, digest(token.value.reveal()))

    def _ask(self, key: TokenKey, min_ttl: float, rejected: str | None = None) -> None:
        asking = self._asking(key, Seconds(min_ttl), rejected)
        self.asked.append((self.login, asyncio.create_task(asking)))

    async def _asking(
        self, key: TokenKey, min_ttl: Seconds, rejected: str | None
    ) -> AccessToken:
        began = self.clock.now().boot
        token = await self.tokens.token(key, min_ttl, rejected)
        left = token.left(self.clock.now())
        if left is not None and left <= 0 and token.obtained.boot < began:
            self.faults.append("an expired token was served")
        return token

    async def _sign_in(self) -> None:
        number = max(self.newest) + 1
        self.newest[number] = 1
        try:
            await self.grants.signed_in(a_grant(refresh_token=f"{number}-1"))
        except BrokerError:  # the disk is full: the login has failed
            return
        self.login = max(self.login, number)
        self.tokens.forget(WORK)
        self.tokens.remember(ALL, self._of_login(number))

    def _of_login(self, number: int) -> AccessToken:
        return AccessToken(
            value=Secret(f"{number}-0"),
            token_type="Bearer",
            scopes=a_grant().scopes,
            obtained=self.clock.now(),
            life=Seconds(90),
        )


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(EVENTS), max_size=30), st.integers(0, 2**32))
async def test_no_order_of_events_sends_a_retired_refresh_token_or_loses_one(
    events: list[str], seed: int
) -> None:
    story = Story(seed)
    await story.run(events)
    assert story.faults == []
    kept = story.store.grants[WORK].refresh_token
    assert kept is not None
    login, number = (int(n) for n in kept.reveal().split("-"))
    assert login == story.login
    assert number == story.newest[login]
    for login_then, task in story.asked:
        if not task.cancelled() and task.exception() is None:
            of_login = int(task.result().value.reveal().split("-")[0])
            assert of_login >= login_then
