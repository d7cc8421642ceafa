"""In whatever order things happen, the front answers what it would without a memory.

Every answer is made twice at one moment: with all that is remembered of earlier ones,
and by deciding and writing it anew. Both must be the same to the byte.
"""

import asyncio
import json
import re
from collections.abc import Coroutine

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from broker.ipc.front import _dated, _problem_bytes, _token_bytes
from broker.ipc.front_request import parse_asked
from broker.model.account import AccountName
from broker.model.errors import BrokerError, IssuerUnreachableError
from broker.model.grant import Grant
from broker.model.log_out import LogOutOptions
from broker.model.secret import Secret
from broker.model.time import Seconds, UnixTime
from broker.model.token import BEARER, DPOP, AccessToken
from broker.services.offers import Offers
from broker.services.served import TokenWanted
from broker.services.token_cache import TokenKey
from tests.fakes.clock import run_until_idle
from tests.fakes.sender import Answer
from tests.ipc.asks import asks
from tests.services.world import (
    DPOP_KEY,
    HOME,
    PERSON,
    WORK,
    World,
    a_grant,
    a_world,
    digest,
    refusal,
    token_answer,
)

BODIES: list[dict[str, object]] = [
    {"account": "work"},
    {"account": "work", "scopes": ["mail"]},
    {"account": "work", "scopes": ["drive", "mail"]},
    {"account": "work", "resource": "https://api.example/"},
    {"account": "work", "min_ttl": 600},
    {"account": "work", "min_ttl": 3590},
    {"account": "home"},
    {},
]
REQUESTS = [asks(body=json.dumps(body).encode()) for body in BODIES] + [
    asks(b"Accept: text/plain", body=b'{"account":"work"}'),
    asks(b"Accept: text/plain", body=b'{"account":"work","scopes":["mail"]}'),
    asks(b"Connection: close", body=b'{"account":"work"}'),
    asks(body=json.dumps({"account": "work", "rejected": digest("access-1")}).encode()),
]

ANSWERS: dict[str, Answer] = {
    "all that was granted": token_answer("whole", scope="drive mail"),
    "less": token_answer("less", scope="mail"),
    "what was asked for": token_answer("asked", refresh_token="refresh-2"),
    "a token without an end": token_answer("endless", expires_in=None),
    "a short life": token_answer("short", expires_in=20),
    "no life": token_answer("dead", expires_in=0),
    "the grant is dead": refusal("invalid_grant"),
    "the person is wanted": refusal("invalid_grant", error_subtype="invalid_rapt"),
    "the client is refused": refusal("invalid_client", 401),
    "the scope is refused": refusal("invalid_scope"),
    "it is overloaded": refusal("slow", 503),
    "it is away": IssuerUnreachableError(issuer="x", what="down"),
}
PASSES = [0.5, 5.0, 30.0, 600.0, 2999.0]
JUMPS = [-4000, -600, -2, 2, 600, 4000]
EVENTS = st.one_of(
    st.tuples(st.just("answer"), st.sampled_from(sorted(ANSWERS))),
    st.tuples(st.just("ask"), st.sampled_from(range(len(BODIES)))),
    st.tuples(st.just("reject"), st.sampled_from(["access-1", "whole", "less"])),
    st.tuples(st.sampled_from(["passes", "sleeps"]), st.sampled_from(PASSES)),
    st.tuples(st.just("jumps"), st.sampled_from(JUMPS)),
    st.tuples(st.just("jumps"), st.sampled_from([-600, 600])),
    st.tuples(st.just("signs in"), st.sampled_from(range(5))),
    st.tuples(st.just("logs out"), st.sampled_from(["forget", "keep"])),
    st.tuples(st.just("default"), st.sampled_from([WORK, HOME, None])),
    st.tuples(st.sampled_from(["lock", "unlock", "slow", "quick"]), st.none()),
)

OTHER = a_grant(refresh_token="of another person", subject="another")
SIGN_INS: list[tuple[Grant, str]] = [
    (OTHER, BEARER),
    (a_grant(refresh_token="narrower", scopes="mail"), BEARER),
    (a_grant(refresh_token=None), BEARER),
    (replace(OTHER, dpop_key=DPOP_KEY), DPOP),
    (a_grant(HOME), BEARER),
]


class Story:
    """One run: a world, and who asks in it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.tasks: list[asyncio.Task[object]] = []
        world.sender.answer_always(ANSWERS["what was asked for"])

    async def happen(self, event: str, what: object) -> None:
        world = self.world
        match event, what:
            case "answer", str():
                world.sender.answer_always(ANSWERS[what])
            case "ask", int():
                self._begin(world.access.token(PERSON, _wanted(REQUESTS[what])))
            case "reject", str():
                wanted = TokenWanted(account=WORK, rejected=digest(what))
                self._begin(world.access.token(PERSON, wanted))
            case "passes", float():
                await world.clock.advance(Seconds(what))
            case "sleeps", float():
                await world.clock.suspend(Seconds(what))
            case "jumps", int() | float():
                world.clock.set_wall(UnixTime(world.clock.now().wall + what))
            case "signs in", int():
                self._begin(self._sign_in(*SIGN_INS[what]))
            case _:
                self._person_does(event, what)

    def _person_does(self, event: str, what: object) -> None:
        world = self.world
        match event:
            case "logs out":
                options = LogOutOptions(local_only=True, keep_sign_in=what == "keep")
                leaving = world.accounts.log_out(WORK, options)
                self._begin(leaving)
            case "default":
                name = AccountName(str(what)) if what is not None else None
                self._begin(world.accounts.set_default(name))
            case "lock":
                self._begin(world.vault.lock())
            case "unlock":
                world.store.is_closed = False
                self._begin(world.vault.unlock(None))
            case "slow":
                world.store.gate = world.store.gate or asyncio.Event()
            case "quick" if world.store.gate:
                world.store.gate.set()
                world.store.gate = None

    async def _sign_in(self, grant: Grant, token_type: str) -> None:
        """As a login ends; see `redemption`."""
        opened = self.world.vault.require_open()
        name = grant.account.name
        token = AccessToken(
            value=Secret(f"of {grant.subject}"),
            token_type=token_type,
            scopes=grant.scopes,
            obtained=self.world.clock.now(),
            life=Seconds(3600),
        )
        if grant.refresh_token is None:
            grant = replace(grant, access_token=token)
        await opened.grants.signed_in(grant)
        opened.tokens.forget(name)
        whole = TokenKey(account=name, scopes=None, resource=None)
        opened.tokens.remember(whole, token)

    def _begin(self, doing: Coroutine[object, object, object]) -> None:
        self.tasks.append(asyncio.create_task(doing))

    def look(self) -> None:
        """At every answer."""
        for data in REQUESTS:
            assert self._answer(data) == self._answer_anew(data)

    def _answer(self, data: bytes) -> bytes | None:
        """As the front does; None where it has to be waited for."""
        asked = parse_asked(data)
        try:
            served = self.world.access.cached_token(PERSON, asked.wanted)
        except BrokerError as exc:
            return _undated(_problem_bytes(exc, is_last=asked.close))
        return None if served is None else _undated(_token_bytes(served, asked))

    def _answer_anew(self, data: bytes) -> bytes | None:
        opened = self.world.vault.opened
        if opened is None:
            return self._answer(data)
        tokens = opened.tokens
        remembered = tokens.offers
        tokens.offers = Offers(
            grants=opened.grants, circuits=tokens._circuits, clock=self.world.clock
        )
        try:
            return self._answer(data)
        finally:
            tokens.offers = remembered

    async def end(self) -> None:
        self._person_does("quick", None)
        while not all(task.done() for task in self.tasks):
            await self.world.clock.advance(Seconds(60))
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.world.vault.close()


def _wanted(data: bytes) -> TokenWanted:
    return parse_asked(data).wanted


def _undated(answer: bytes) -> bytes:
    """Without its date and its length, and the end of a token in whole seconds: what
    is left over of a sum may differ by less than a clock can tell.
    """
    answer = re.sub(rb"\r\n(Date|Content-Length): [^\r]*", b"", answer)
    return re.sub(rb"(?<=expires_at.:)[\d.]+", _whole, answer)


def _whole(seconds: re.Match[bytes]) -> bytes:
    return b"%d" % round(float(seconds[0]))


def test_a_date_is_all_that_is_not_compared() -> None:
    assert _undated(_dated((b"a\r\nDate: ", b"\r\nb"))) == b"a\r\nb"
    assert _undated(b'"expires_at":12.0}') == b'"expires_at":12}'


@settings(max_examples=200)
@given(st.lists(st.tuples(EVENTS, st.booleans()), max_size=25))
async def test_no_order_of_events_lets_it_answer_otherwise(
    events: list[tuple[tuple[str, object], bool]],
) -> None:
    story = Story(await a_world(a_grant()))
    await story.happen("ask", 0)
    await run_until_idle()
    story.look()
    for (event, what), has_time in events:
        await story.happen(event, what)
        if has_time:
            await run_until_idle()
        story.look()
    await story.end()
