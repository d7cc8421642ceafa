"""ID tokens for any audience: made once, kept, and checked like any other."""

import asyncio
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from broker.model.errors import (
    BadRequestError,
    BrokerError,
    ConsentPendingError,
    CredentialRefusedError,
    IssuerMalformedError,
    NoIdTokenError,
    NotPermittedError,
    ResourceNotGrantedError,
)
from broker.model.grant import Grant
from broker.model.issuer import Issuer, IssuerPreset
from broker.model.peer import Peer, Socket
from broker.model.policy import Operation, Policy, Verdict
from broker.model.restriction import Restriction, SocketName
from broker.model.secret import Secret
from broker.model.time import Seconds, UnixTime
from broker.model.token import AccessToken
from broker.model.unattended import ClientCredentials
from broker.services.asked_in_vain import PAUSE
from broker.services.gate import Asker
from broker.services.id_token_checks import IdTokenServed, IdTokenWanted
from broker.services.minting import IdTokenMinter, Minter
from broker.services.token_cache import TokenKey
from tests.fakes.clock import run_until_idle
from tests.fakes.signer import Signer
from tests.services.derived import CI, a_view
from tests.services.identified import (
    KEYS_URL,
    NOW,
    WITH_KEYS,
    TalkingIssuer,
    id_token,
    identified,
)
from tests.services.world import ISSUER, PERSON, WORK, World, a_world

AUDIENCE = "https://service.example"
ROBOT = "robot@project.example"


@dataclass
class FakeMinter:
    """One that can make ID tokens, as Google's can."""

    changes: dict[str, object] = field(default_factory=dict)
    signer: Signer = field(default_factory=Signer)
    made: list[str] = field(default_factory=list)
    refusal: BrokerError | None = None
    answers: asyncio.Event | None = None

    async def mint(self, grant: Grant, key: TokenKey) -> AccessToken:
        raise AssertionError((grant, key))

    async def id_token(self, grant: Grant, audience: str) -> Secret:
        assert grant.account.name == WORK
        self.made.append(audience)
        await asyncio.sleep(0)
        if self.answers is not None:
            await self.answers.wait()
        if self.refusal is not None:
            raise self.refusal
        members = {"aud": audience, "azp": ROBOT, **self.changes}
        return id_token(self.signer, **members)


async def a_robot(
    minter: Minter | None,
    issuer: Issuer = WITH_KEYS,
    preset: IssuerPreset | None = None,
) -> World:
    grant = identified(
        issuer, unattended=ClientCredentials(), refresh_token=None, subject=None
    )
    world = await a_world(grant)
    if preset is not None:
        world.presets[preset.name] = preset  # type: ignore[index]  # a dict, in the tests
    world.sender.answer_always(TalkingIssuer())
    if minter is not None:
        world.tokens.minters._made[ClientCredentials] = minter
    return world


async def asked(
    world: World, audience: str | None = AUDIENCE, min_ttl: float = 0
) -> IdTokenServed:
    wanted = IdTokenWanted(account=WORK, audience=audience, min_ttl=Seconds(min_ttl))
    return await world.id_tokens.id_token(PERSON, wanted)


def test_the_minter_of_these_tests_is_one() -> None:
    assert isinstance(FakeMinter(), IdTokenMinter)


async def test_one_is_made_for_the_audience_and_kept_while_it_lives() -> None:
    minter = FakeMinter()
    world = await a_robot(minter)
    served = await asked(world)
    assert (served.audience, served.subject) == (AUDIENCE, "person-1")
    assert await asked(world) == served
    await asked(world, "https://other.example")
    assert minter.made == [AUDIENCE, "https://other.example"]


async def test_many_who_ask_at_once_have_one_made() -> None:
    minter = FakeMinter()
    world = await a_robot(minter)
    served = await asyncio.gather(*(asked(world) for _ in range(10)))
    assert len(minter.made) == 1
    assert all(each == served[0] for each in served)


async def test_one_with_too_little_life_is_made_anew() -> None:
    minter = FakeMinter()
    world = await a_robot(minter)
    await asked(world)
    await world.clock.advance(Seconds(3500))
    await asked(world, min_ttl=50)
    minter.changes = {"exp": NOW + 7200}
    await asked(world, min_ttl=300)
    assert len(minter.made) == 2


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"aud": "https://other.example"}, "not for this client"),
        ({"iss": "https://evil.example"}, "made by"),
        ({"exp": NOW - 100}, "expired already"),
    ],
)
async def test_one_that_is_not_what_was_asked_for_is_not_given(
    changes: dict[str, object], fault: str
) -> None:
    world = await a_robot(FakeMinter(changes))
    with pytest.raises(IssuerMalformedError, match=fault):
        await asked(world)


async def test_whoever_refuses_is_left_in_peace_as_for_an_access_token() -> None:
    refusal = CredentialRefusedError(
        account=WORK, issuer=ISSUER.url, error="no", description=""
    )
    minter = FakeMinter(refusal=refusal)
    world = await a_robot(minter)
    for _ in range(3):
        with pytest.raises(CredentialRefusedError):
            await asked(world)
    assert len(minter.made) == 1
    minter.refusal = None
    await world.clock.advance(Seconds(60))
    assert (await asked(world)).audience == AUDIENCE


async def test_one_of_no_use_is_not_asked_for_again_at_once() -> None:
    minter = FakeMinter({"iss": "https://evil.example"})
    world = await a_robot(minter)
    for _ in range(3):
        with pytest.raises(IssuerMalformedError):
            await asked(world)
    assert len(minter.made) == 1
    minter.changes = {}
    await asked(world, "https://other.example")
    await world.clock.advance(PAUSE)
    assert (await asked(world)).audience == AUDIENCE


async def test_one_at_hand_is_given_while_another_is_waited_for() -> None:
    minter = FakeMinter()
    world = await a_robot(minter)
    served = await asked(world)
    minter.answers = asyncio.Event()
    slow = asyncio.create_task(asked(world, "https://slow.example"))
    await run_until_idle()
    assert await asked(world) == served
    minter.answers.set()
    assert (await slow).audience == "https://slow.example"


async def test_keys_that_only_the_preset_says_are_looked_at() -> None:
    preset = IssuerPreset(name="p", issuer=ISSUER.url, jwks_uri=KEYS_URL)
    bare = replace(ISSUER, jwks_uri=None)
    minter = FakeMinter(signer=Signer("key-2"))
    world = await a_robot(minter, issuer=bare, preset=preset)
    with pytest.raises(IssuerMalformedError, match="does not publish"):
        await asked(world)
    # Where nobody says where they are, the connection is all there is.
    world = await a_robot(minter, issuer=bare)
    assert (await asked(world)).audience == AUDIENCE


async def test_one_that_somebody_else_signed_is_not_given() -> None:
    world = await a_robot(FakeMinter(signer=Signer("key-2")))
    with pytest.raises(IssuerMalformedError, match="does not publish"):
        await asked(world)


async def test_for_whom_it_is_is_what_the_person_is_asked_about() -> None:
    minter = FakeMinter()
    world = await a_robot(minter)
    assert world.vault.opened is not None
    await world.vault.opened.policies.set(Policy(default=Verdict.ASK))
    with pytest.raises(ConsentPendingError):
        await asked(world)
    assert minter.made == []
    assert world.consent.asked[-1].resource == AUDIENCE
    world.consent.allowed.add(WORK)
    assert (await asked(world)).audience == AUDIENCE


async def test_for_whom_it_is_must_be_said() -> None:
    minter = FakeMinter()
    world = await a_robot(minter)
    with pytest.raises(BadRequestError, match="audience is needed"):
        await asked(world, None)
    assert minter.made == []


async def test_accounts_of_other_kinds_have_none() -> None:
    world = await a_robot(None)
    with pytest.raises(NoIdTokenError, match="client credentials") as caught:
        await asked(world)
    assert caught.value.unattended


async def test_a_log_out_leaves_none() -> None:
    world = await a_robot(FakeMinter())
    await asked(world)
    world.tokens.forget(WORK)
    assert world.tokens.id_tokens.find(WORK, AUDIENCE) is None
    assert replace(identified(), subject=None).subject is None


SERVICE = Restriction(
    name=SocketName("ci"),
    accounts=(WORK,),
    operations=frozenset({Operation.ID_TOKEN}),
    resource=AUDIENCE,
    uses=9,
    made_at=UnixTime(0),
)


async def through_a_socket(world: World, audience: str | None) -> IdTokenServed:
    door = Socket(name="ci", owner_uid=1000, restriction=SERVICE)
    asker = Asker(socket=door, peer=Peer(uid=1000, pid=4711))
    wanted = IdTokenWanted(account=WORK, audience=audience, min_ttl=Seconds(0))
    return await world.id_tokens.id_token(asker, wanted)


async def test_a_socket_for_one_api_gives_them_for_that_audience_alone() -> None:
    minter = FakeMinter()
    world = await a_robot(minter)
    with pytest.raises(NotPermittedError, match=r"other\.example"):
        await through_a_socket(world, "https://other.example")
    assert world.usage.used == []
    for audience in (AUDIENCE, None):
        assert (await through_a_socket(world, audience)).audience == AUDIENCE
    assert world.usage.used == ["ci", "ci"]
    assert minter.made == [AUDIENCE]


async def test_a_view_of_one_api_gives_them_for_that_audience_alone() -> None:
    minter = FakeMinter()
    world = await a_robot(minter)
    await world.vault.require_open().grants.signed_in(a_view(resource=AUDIENCE))
    view = IdTokenWanted(account=CI, audience=None, min_ttl=Seconds(0))
    assert (await world.id_tokens.id_token(PERSON, view)).audience == AUDIENCE
    other = replace(view, audience="https://other.example")
    with pytest.raises(ResourceNotGrantedError):
        await world.id_tokens.id_token(PERSON, other)
