"""In whatever order things happen, the heart keeps its promises.

At most one refresh of a grant is in flight; no older refresh token is used after a
newer was seen; no token is served past its end; and none is lost but where the world
has lost it.
"""

import asyncio
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.model.account import AccountName
from broker.model.errors import BrokerError
from broker.model.grant import GrantState
from broker.model.secret import Secret
from broker.model.time import Seconds, UnixTime
from broker.model.token import AccessToken
from broker.services.token_cache import TokenKey
from tests.fakes.clock import FakeClock, run_until_idle
from tests.fakes.store import MemoryStore
from tests.services.rotating import LIFE, OUTCOMES, RotatingIssuer, number_of
from tests.services.world import WORK, a_grant, digest, tokens_on

ALL = TokenKey(account=WORK, scopes=None, resource=None)
MAIL = TokenKey(account=WORK, scopes=frozenset({"mail"}), resource=None)

EVENTS = [
    *("ask", "ask", "ask", "ask for mail", "ask for much life", "reject", "hang up"),
    *("the issuer is slow", "the issuer answers", *OUTCOMES),
    *("the store is slow", "the store goes on", "the disk is full"),
    *("twenty seconds pass", "two minutes pass", "the wall clock jumps"),
    "the machine sleeps",
    *("the person signs in", "the daemon crashes"),
]


@dataclass
class Asked:
    """One peer's request.

    Attributes:
        login: the newest that was saved when it asked.
    """

    login: int
    task: asyncio.Task[AccessToken]


@dataclass
class Story:
    """One run: an issuer, a store, a daemon after another, and those who ask it."""

    clock: FakeClock = field(default_factory=FakeClock)
    store: MemoryStore = field(
        default_factory=lambda: MemoryStore(a_grant(refresh_token="1-1"))
    )
    login: int = 1
    disk_was_full: bool = False
    asked: list[Asked] = field(default_factory=list)
    signing_in: list[asyncio.Task[None]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    async def run(self, events: list[tuple[str, int, bool]]) -> None:
        self.issuer = RotatingIssuer(self.clock)
        self._not_ours = asyncio.all_tasks()
        await self._start()
        for event, which, has_time in events:
            await self._happen(event, which)
            if has_time:
                await run_until_idle()
        await self._end()

    async def _start(self) -> None:
        self.tokens, self.grants = await tokens_on(
            self.store, self.issuer.sender(), self.clock
        )

    async def _happen(self, event: str, which: int) -> None:
        match event:
            case "hang up" if self.asked:
                self.asked[which % len(self.asked)].task.cancel()
            case "twenty seconds pass":
                await self.clock.advance(Seconds(20))
            case "two minutes pass":
                await self.clock.advance(Seconds(120))
            case "the machine sleeps":
                await self.clock.suspend(Seconds(which))
            case "the wall clock jumps":
                self.clock.set_wall(UnixTime(self.clock.now().wall + which - 500))
            case "the disk is full":
                self.disk_was_full = True
                self.store.fail_next_save()
            case "the person signs in":
                self.signing_in.append(asyncio.create_task(self._sign_in()))
            case "the daemon crashes":
                await self._crash()
            case _ if event in OUTCOMES:
                self.issuer.outcomes.append(OUTCOMES[event])
            case _:
                self._hold_up(event)
                self._somebody_asks(event)

    def _hold_up(self, event: str) -> None:
        match event:
            case "the issuer is slow":
                self.issuer.slow = self.issuer.slow or asyncio.Event()
            case "the issuer answers" if self.issuer.slow:
                self.issuer.slow.set()
                self.issuer.slow = None
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
        asking = self.tokens.token(key, Seconds(min_ttl), rejected)
        task = asyncio.create_task(asking)
        asked = Asked(self.login, task)
        task.add_done_callback(lambda _: self._look_at(asked))
        self.asked.append(asked)

    def _look_at(self, asked: Asked) -> None:
        """At the moment at which a peer is answered."""
        if asked.task.cancelled() or asked.task.exception() is not None:
            return
        token = asked.task.result().value.reveal()
        if self.issuer.expiry[token] <= self.clock.now().boot:
            self.faults.append(f"{token} was served past its end")
        number, kept = number_of(token), number_of(self._kept())
        if number.login < asked.login:
            self.faults.append(f"{token} of an older login was served")
        is_durable = number < kept
        if not is_durable and not self.disk_was_full:
            self.faults.append(f"{token} was served before its grant was saved")

    async def _sign_in(self) -> None:
        number = max(self.issuer.seen) + 1
        self.issuer.signed_in(number)
        try:
            await self.grants.signed_in(a_grant(refresh_token=f"{number}-1"))
        except BrokerError:  # the disk is full: the login has failed
            return
        self.login = max(self.login, number)
        self.tokens.forget(WORK)
        self.tokens.remember(ALL, self._of_login(number))

    def _of_login(self, number: int) -> AccessToken:
        now = self.clock.now()
        self.issuer.expiry[f"{number}-0"] = now.boot + LIFE
        return AccessToken(
            value=Secret(f"{number}-0"),
            token_type="Bearer",
            scopes=a_grant().scopes,
            obtained=now,
            life=LIFE,
        )

    async def _crash(self) -> None:
        """The process is gone, with all that was not durable; another one starts."""
        self.issuer.crashing = True
        for task in asyncio.all_tasks() - self._not_ours:
            task.cancel()
        await run_until_idle()
        self.issuer.crashing = False
        self.asked, self.signing_in, self.store.gate = [], [], None
        kept = number_of(self._kept())
        # It cannot know of what it never saved.
        self.issuer.lost |= self.issuer.seen[kept.login] > kept.turn
        self.issuer.seen[kept.login] = kept.turn
        self.login = kept.login
        await self._start()

    async def _end(self) -> None:
        """All that holds anybody up goes away; everybody gets an answer."""
        self._hold_up("the issuer answers")
        self._hold_up("the store goes on")
        self.store._failures = 0
        waiting = [*(one.task for one in self.asked), *self.signing_in]
        while not all(task.done() for task in waiting):
            await self.clock.advance(Seconds(60))
        await asyncio.gather(*waiting, return_exceptions=True)
        await self.tokens.close()
        await self.grants.close()

    def _kept(self, name: AccountName = WORK) -> str:
        refresh_token = self.store.grants[name].refresh_token
        assert refresh_token is not None
        return refresh_token.reveal()

    def what_is_lost(self) -> str | None:
        """A refresh token that the broker ought to have and has not."""
        kept, newest = number_of(self._kept()), self.issuer.newest
        if self.issuer.lost or kept.login not in newest:
            return None
        has_it = kept.login == self.login and kept.turn == newest[kept.login]
        is_live = self.store.grants[WORK].state is GrantState.LIVE
        return None if has_it and is_live else f"kept {kept} of {newest}"


@settings(max_examples=500)
@given(
    st.lists(
        st.tuples(st.sampled_from(EVENTS), st.integers(0, 1000), st.booleans()),
        max_size=40,
    )
)
async def test_no_order_of_events_breaks_a_promise(
    events: list[tuple[str, int, bool]],
) -> None:
    story = Story()
    await story.run(events)
    assert story.issuer.faults == []
    assert story.faults == []
    assert story.what_is_lost() is None
