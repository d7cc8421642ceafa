"""Narrowed and rejected tokens: nothing is ever widened, nothing hammers the issuer."""

import asyncio

import msgspec
import pytest
from msgspec.structs import replace

from broker.model.client import Client
from broker.model.errors import (
    BadRequestError,
    LoginRequiredError,
    ScopeNotGrantedError,
)
from broker.model.grant import GrantState
from broker.model.http import HttpRequest, HttpResponse
from broker.model.secret import Secret
from broker.model.time import Seconds, UnixTime
from broker.model.token import AccessToken
from broker.services.grants import Grants
from broker.services.rejections import REJECTION_PAUSE
from broker.services.token_cache import TokenKey
from broker.services.tokens import TokenService
from tests.fakes.clock import START, FakeClock, run_until_idle
from tests.fakes.sender import FakeSender
from tests.fakes.store import MemoryStore
from tests.services.world import (
    HOME,
    WORK,
    a_grant,
    digest,
    token_answer,
    tokens_on,
)

ALL = TokenKey(account=WORK, scopes=None, resource=None)
MAIL = TokenKey(account=WORK, scopes=frozenset({"mail"}), resource=None)
NONE = Seconds(0)
BOTH = frozenset({"drive", "mail"})


class Rig:
    """A token service whose issuer answers `access-N`, as it is asked."""

    tokens: TokenService
    grants: Grants

    def __init__(self) -> None:
        self.store = MemoryStore(a_grant())
        self.sender = FakeSender(otherwise=self._answer)
        self.clock = FakeClock()

    async def start(self) -> "Rig":
        self.tokens, self.grants = await tokens_on(self.store, self.sender, self.clock)
        return self

    def _answer(self, _: HttpRequest) -> HttpResponse:
        number = len(self.sender.requests)
        scope = self.sender.form().get("scope")
        return token_answer(f"access-{number}", scope=scope)

    async def ask(self, key: TokenKey = ALL, rejected: str | None = None) -> str:
        refused = None if rejected is None else digest(rejected)
        return (await self.tokens.token(key, NONE, refused)).value.reveal()


@pytest.fixture
async def rig() -> Rig:
    return await Rig().start()


# --- scopes ------------------------------------------------------------------------


async def test_all_scopes_by_name_are_the_same_as_none_named(rig: Rig) -> None:
    token = a_token("drive mail")
    rig.tokens.remember(rig.tokens.key(WORK, None, None), token)
    assert rig.tokens.cached(rig.tokens.key(WORK, BOTH, None), NONE) is token


async def test_a_narrower_token_is_asked_for_by_its_scopes(rig: Rig) -> None:
    token = await rig.tokens.token(MAIL, NONE)
    assert rig.sender.form()["scope"] == "mail"
    assert token.scopes == {"mail"}


async def test_narrow_and_whole_tokens_have_entries_of_their_own(rig: Rig) -> None:
    assert await rig.ask(MAIL) == "access-1"
    assert await rig.ask(ALL) == "access-2"
    assert "scope" not in rig.sender.form()
    assert [await rig.ask(MAIL), await rig.ask(ALL)] == ["access-1", "access-2"]


async def test_all_by_name_and_all_without_a_name_at_once_cause_one_refresh(
    rig: Rig,
) -> None:
    by_name = rig.tokens.key(WORK, BOTH, None)
    answers = await asyncio.gather(rig.ask(ALL), rig.ask(by_name), rig.ask(ALL))
    assert set(answers) == {"access-1"}


async def test_a_narrow_refresh_does_not_narrow_the_grant(rig: Rig) -> None:
    await rig.ask(MAIL)
    assert rig.store.grants[WORK].scopes == BOTH
    assert rig.tokens.key(WORK, frozenset({"drive"}), None).account == WORK


async def test_a_token_for_one_resource_does_not_narrow_the_grant(rig: Rig) -> None:
    key = TokenKey(account=WORK, scopes=None, resource="https://mail.example")
    rig.sender.script(token_answer(scope="mail"))
    token = await rig.tokens.token(key, NONE)
    assert rig.sender.form()["resource"] == "https://mail.example"
    assert token.scopes == {"mail"}
    assert rig.store.grants[WORK].scopes == BOTH


async def test_each_resource_has_a_token_of_its_own(rig: Rig) -> None:
    keys = [
        TokenKey(account=WORK, scopes=None, resource=resource)
        for resource in (None, "https://a.example", "https://b.example")
    ]
    assert [await rig.ask(key) for key in keys] == ["access-1", "access-2", "access-3"]
    assert [await rig.ask(key) for key in keys] == ["access-1", "access-2", "access-3"]


async def test_a_resource_that_is_none_costs_no_request(rig: Rig) -> None:
    key = TokenKey(account=WORK, scopes=None, resource="not a uri")
    with pytest.raises(BadRequestError):
        await rig.ask(key)
    assert rig.sender.requests == []
    assert await rig.ask() == "access-1"


async def test_a_whole_refresh_that_gives_less_is_recorded_in_the_grant(
    rig: Rig,
) -> None:
    rig.sender.script(token_answer(scope="mail"))
    await rig.ask()
    assert rig.store.grants[WORK].scopes == {"mail"}
    with pytest.raises(ScopeNotGrantedError):
        rig.tokens.key(WORK, frozenset({"drive"}), None)


async def test_a_token_says_what_the_issuer_gave_and_not_what_was_asked(
    rig: Rig,
) -> None:
    rig.sender.script(token_answer(scope="drive mail"))  # it ignores the narrowing
    assert (await rig.tokens.token(MAIL, NONE)).scopes == BOTH


async def test_an_issuer_that_never_narrows_is_asked_once_for_all_sets_of_scopes(
    rig: Rig,
) -> None:
    rig.sender.answer_always(token_answer("whole", scope="drive mail"))
    drive = msgspec.structs.replace(MAIL, scopes=frozenset({"drive"}))
    assert [await rig.ask(key) for key in (MAIL, drive, ALL, MAIL)] == ["whole"] * 4
    assert len(rig.sender.requests) == 1


async def test_an_issuer_that_narrows_to_something_else_is_asked_for_each(
    rig: Rig,
) -> None:
    rig.sender.script(token_answer("a", scope="m"), token_answer("b", scope="drive"))
    drive = msgspec.structs.replace(MAIL, scopes=frozenset({"drive"}))
    assert [await rig.ask(MAIL), await rig.ask(drive)] == ["a", "b"]


async def test_that_an_issuer_never_narrows_says_nothing_of_its_resources(
    rig: Rig,
) -> None:
    rig.sender.answer_always(token_answer(scope="drive mail"))
    for resource in ("https://a.example", None, "https://b.example"):
        await rig.ask(msgspec.structs.replace(MAIL, resource=resource))
        assert rig.sender.form()["scope"] == "mail"
    assert len(rig.sender.requests) == 3


async def test_that_an_issuer_never_narrows_is_known_for_each_client_alone() -> None:
    rig = Rig()
    home = a_grant(HOME)
    client = Client(client_id="client-2")
    rig.store.grants[HOME] = replace(home, account=replace(home.account, client=client))
    await rig.start()
    rig.sender.script(token_answer(scope="drive mail"))
    await rig.ask(MAIL)
    await rig.ask(msgspec.structs.replace(MAIL, account=HOME))
    assert rig.sender.form()["scope"] == "mail"


async def test_who_asked_for_all_by_name_is_not_given_more_by_a_login_meanwhile(
    rig: Rig,
) -> None:
    key = rig.tokens.key(WORK, BOTH, None)
    gate = rig.sender.hold()
    rig.sender.script(token_answer(refresh_token="refresh-2"))
    waiting = asyncio.create_task(rig.tokens.token(key, NONE))
    await run_until_idle()
    await rig.grants.signed_in(a_grant(scopes="drive mail admin"))
    rig.tokens.remember(ALL, a_token("drive mail admin"))
    gate.set()
    assert "admin" not in (await waiting).scopes


def a_token(scopes: str) -> AccessToken:
    """What a login gave."""
    return AccessToken(
        value=Secret("of-login"),
        token_type="Bearer",
        scopes=frozenset(scopes.split()),
        obtained=START,
        life=Seconds(3600),
    )


# --- tokens that an API refused ----------------------------------------------------


async def test_a_rejected_token_is_refreshed_once_it_is_ten_seconds_old(
    rig: Rig,
) -> None:
    await rig.ask()
    await rig.clock.advance(Seconds(REJECTION_PAUSE - 0.1))
    assert await rig.ask(rejected="access-1") == "access-1"
    await rig.clock.advance(Seconds(0.1))
    assert await rig.ask(rejected="access-1") == "access-2"
    assert await rig.ask(rejected="access-2") == "access-2"


async def test_a_clock_that_was_set_back_makes_no_rejected_token_younger(
    rig: Rig,
) -> None:
    await rig.ask()
    await rig.clock.advance(Seconds(60))
    rig.clock.set_wall(UnixTime(rig.clock.now().wall - 86_400))
    assert await rig.ask(rejected="access-1") == "access-2"


async def test_narrow_tokens_that_an_api_refuses_share_the_limit_of_their_grant(
    rig: Rig,
) -> None:
    keys = [
        msgspec.structs.replace(ALL, resource=f"urn:{number}") for number in range(5)
    ]
    for key in keys:
        await rig.ask(key)
    await rig.clock.advance(Seconds(60))
    asked = [rig.ask(key, f"access-{n}") for n, key in enumerate(keys, 1)]
    given = await asyncio.gather(*asked)
    assert sorted(given) == ["access-4", "access-5", "access-6", "access-7", "access-8"]


async def test_after_a_login_refused_tokens_are_counted_anew(rig: Rig) -> None:
    pause = Seconds(REJECTION_PAUSE)
    keys = [
        msgspec.structs.replace(ALL, resource=f"urn:{number}") for number in range(3)
    ]
    for key in keys:
        await rig.ask(key)
    await rig.clock.advance(pause)
    for number, key in enumerate(keys, 1):
        await rig.ask(key, rejected=f"access-{number}")
    rig.tokens.forget(WORK)
    assert await rig.ask() == "access-7"
    await rig.clock.advance(pause)
    assert await rig.ask(rejected="access-7") == "access-8"


async def test_ten_peers_that_reject_the_same_token_cause_one_refresh(
    rig: Rig,
) -> None:
    await rig.ask()
    await rig.clock.advance(Seconds(60))
    asked = [rig.ask(rejected="access-1") for _ in range(10)]
    assert set(await asyncio.gather(*asked)) == {"access-2"}
    assert len(rig.sender.requests) == 2


@pytest.mark.parametrize("rejected", ["access-0", "access-2", ""])
async def test_a_rejected_token_that_is_not_the_cached_one_causes_no_refresh(
    rig: Rig, rejected: str
) -> None:
    await rig.ask()
    await rig.clock.advance(Seconds(60))
    assert await rig.ask(rejected=rejected) == "access-1"
    assert len(rig.sender.requests) == 1


async def test_a_rejection_of_the_whole_token_leaves_the_narrow_one_alone(
    rig: Rig,
) -> None:
    await rig.ask(MAIL)
    await rig.ask()
    await rig.clock.advance(Seconds(60))
    assert await rig.ask(MAIL, rejected="access-2") == "access-1"


async def test_an_issuer_that_gives_the_rejected_token_again_is_left_in_peace(
    rig: Rig,
) -> None:
    rig.sender.answer_always(token_answer("same"))
    await rig.ask()
    await rig.clock.advance(Seconds(60))
    assert await rig.ask(rejected="same") == "same"
    assert await rig.ask(rejected="same") == "same"
    assert len(rig.sender.requests) == 2
    assert rig.store.grants[WORK].state is GrantState.LIVE


async def test_after_a_restart_a_rejected_token_means_one_refresh(rig: Rig) -> None:
    assert await rig.ask(rejected="access-0") == "access-1"
    assert len(rig.sender.requests) == 1


async def test_forgetting_an_account_drops_all_its_tokens_and_no_others() -> None:
    rig = Rig()
    rig.store.grants[HOME] = a_grant(HOME)
    await rig.start()
    home = TokenKey(account=HOME, scopes=None, resource=None)
    for key in (ALL, MAIL, home):
        await rig.ask(key)
    rig.tokens.forget(WORK)
    assert rig.tokens.cached(ALL, NONE) is None
    assert rig.tokens.cached(MAIL, NONE) is None
    assert rig.tokens.cached(home, NONE) is not None


async def test_a_signed_out_account_needs_a_login(rig: Rig) -> None:
    await rig.ask()
    await rig.grants.signed_out(rig.grants.get(WORK))
    with pytest.raises(LoginRequiredError, match="signed out"):
        rig.tokens.key(WORK, None, None)
