import asyncio

import pytest
from msgspec.structs import replace

from broker.model.account import AccountName
from broker.model.client import Client, ClientAuthentication
from broker.model.errors import (
    AccountExistsError,
    BrokerError,
    ImportRefusedError,
    IssuerMalformedError,
    IssuerMismatchError,
    IssuerUnreachableError,
)
from broker.model.event import EventKind
from broker.model.http import HttpRequest, HttpResponse
from broker.model.issuer import IssuerPreset
from broker.model.person import Person
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.services.foreign_sign_in import Foreign, TakenOver
from broker.services.id_token_checks import IdTokenWanted
from tests.fakes.clock import run_until_idle
from tests.fakes.sender import json_response
from tests.fakes.signer import Signer
from tests.services.identified import KEYS_URL, USERINFO_URL, TalkingIssuer, id_token
from tests.services.world import (
    ISSUER,
    METADATA,
    PERSON,
    WORK,
    World,
    a_grant,
    a_world,
    refusal,
    token_answer,
)

NEW = AccountName("new")


def a_foreign(**changes: object) -> Foreign:
    foreign = Foreign(
        account=NEW,
        issuer=ISSUER.url,
        token_endpoint=None,
        client=Client(client_id="theirs", client_secret=Secret("s3cret")),
        refresh_token=Secret("refresh-theirs"),
        access_token=None,
        scopes=("drive", "mail"),
    )
    return replace(foreign, **changes)


def answering(world: World, answer: HttpResponse | BrokerError) -> list[HttpRequest]:
    """An issuer that publishes its metadata, and answers so at its token endpoint."""
    asked: list[HttpRequest] = []

    def issuer(request: HttpRequest) -> HttpResponse:
        if request.method == "GET":
            return json_response(METADATA)
        asked.append(request)
        if isinstance(answer, BrokerError):
            raise answer
        return answer

    world.sender.answer_always(issuer)
    return asked


async def test_a_sign_in_is_taken_over_with_one_refresh() -> None:
    world = await a_world()
    asked = answering(world, token_answer("access-1", refresh_token="refresh-2"))
    taken = await world.moving_in.take_over(a_foreign())
    assert len(asked) == 1
    assert taken.is_rotated
    kept = world.store.grants[NEW]
    assert kept.refresh_token == Secret("refresh-2")
    assert kept.intent is None
    assert kept.scopes == {"drive", "mail"}
    assert kept.account.client.client_secret == Secret("s3cret")
    assert kept.account.client.authentication is ClientAuthentication.BASIC
    # What the refresh gave is at hand: nobody needs a second one.
    key = world.tokens.key(NEW, None, None)
    token = await world.tokens.token(key, Seconds(0))
    assert token.value == Secret("access-1")
    assert len(asked) == 1


async def test_the_refresh_token_is_durable_before_it_is_sent() -> None:
    world = await a_world()
    intents: list[bool] = []

    def issuer(request: HttpRequest) -> HttpResponse:
        if request.method == "GET":
            return json_response(METADATA)
        intents.append(world.store.grants[NEW].intent is not None)
        return token_answer()

    world.sender.answer_always(issuer)
    await world.moving_in.take_over(a_foreign())
    assert intents == [True]


async def test_whoever_asks_meanwhile_does_not_spend_it_a_second_time() -> None:
    world = await a_world()
    asked: list[HttpRequest] = []
    gate = asyncio.Event()

    async def issuer(request: HttpRequest) -> HttpResponse:
        if request.method == "GET":
            return json_response(METADATA)
        asked.append(request)
        await gate.wait()
        return token_answer("access-1", refresh_token="refresh-2")

    world.sender.answer_always(issuer)
    taking = asyncio.create_task(world.moving_in.take_over(a_foreign()))
    await run_until_idle()
    key = world.tokens.key(NEW, None, None)
    asking = asyncio.create_task(world.tokens.token(key, Seconds(0)))
    await run_until_idle()
    gate.set()
    assert (await taking).is_rotated
    assert (await asking).value == Secret("access-1")
    assert len(asked) == 1


async def test_an_issuer_that_does_not_rotate_is_told() -> None:
    world = await a_world()
    answering(world, token_answer())
    assert not (await world.moving_in.take_over(a_foreign())).is_rotated


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal("invalid_grant"), "import_refused"),
        (refusal("invalid_client", status=401), "client_rejected"),
        (refusal("unauthorized_client"), "client_rejected"),
        (IssuerUnreachableError(issuer=ISSUER.url, what="no route"), None),
        (json_response([]), "issuer_malformed"),
    ],
)
async def test_where_the_issuer_refuses_nothing_is_kept_and_nothing_told(
    answer: HttpResponse | BrokerError, error: str | None
) -> None:
    world = await a_world()
    answering(world, answer)
    with world.events.subscribe() as told, pytest.raises(BrokerError) as raised:
        await world.moving_in.take_over(a_foreign())
    assert raised.value.code == (error or "issuer_unreachable")
    assert world.store.grants == {}
    assert world.grants.find(NEW) is None
    assert not told._events


async def test_a_rotated_token_is_kept_whatever_else_was_wrong_with_the_answer() -> (
    None
):
    world = await a_world()
    answering(world, token_answer(refresh_token="refresh-2", expires_in=0))
    taken = await world.moving_in.take_over(a_foreign())
    assert taken.is_rotated
    assert "of no use" in taken.notes[0]
    assert world.store.grants[NEW].refresh_token == Secret("refresh-2")


async def test_an_answer_of_no_use_that_rotated_nothing_leaves_it_to_its_tool() -> None:
    world = await a_world()
    answering(world, token_answer(expires_in=0))
    with pytest.raises(IssuerMalformedError):
        await world.moving_in.take_over(a_foreign())
    assert world.store.grants == {}


async def test_it_is_told_as_a_sign_in() -> None:
    world = await a_world()
    answering(world, token_answer())
    with world.events.subscribe() as told:
        await world.moving_in.take_over(a_foreign())
    assert [event.kind for event in told._events] == [EventKind.SIGNED_IN]


async def test_a_name_that_is_taken_is_refused_before_anybody_is_asked() -> None:
    world = await a_world(a_grant())
    asked = answering(world, token_answer())
    with pytest.raises(AccountExistsError):
        await world.moving_in.take_over(a_foreign(account=WORK))
    assert asked == []
    assert world.store.grants[WORK].refresh_token == Secret("refresh-1")


async def test_what_an_account_has_already_is_not_taken_over_a_second_time() -> None:
    world = await a_world(a_grant())
    asked = answering(world, token_answer())
    with pytest.raises(ImportRefusedError, match="'work' here already"):
        await world.moving_in.take_over(a_foreign(refresh_token=Secret("refresh-1")))
    assert asked == []
    assert world.store.grants[WORK].refresh_token == Secret("refresh-1")
    assert NEW not in world.store.grants


async def test_the_first_sign_in_makes_the_store() -> None:
    world = World(source=None)
    await world.vault.open_at_start()
    answering(world, token_answer())
    taken = await world.moving_in.take_over(a_foreign())
    assert "made a store" in taken.notes[0]
    assert NEW in world.store.grants


async def test_the_issuer_is_found_by_the_token_endpoint() -> None:
    world = await a_world()
    answering(world, token_answer())
    foreign = a_foreign(issuer=None, token_endpoint=ISSUER.token_endpoint)
    taken = await world.moving_in.take_over(foreign)
    assert taken.grant.account.issuer.url == ISSUER.url


async def test_the_token_goes_to_no_other_issuer_than_the_one_that_gave_it() -> None:
    world = await a_world()
    asked = answering(world, token_answer())
    foreign = a_foreign(token_endpoint="https://other.example/token")
    with pytest.raises(ImportRefusedError, match=r"other\.example"):
        await world.moving_in.take_over(foreign)
    assert asked == []


async def test_a_slash_that_oidc_agent_has_added_is_taken_off() -> None:
    world = await a_world()
    answering(world, token_answer())
    taken = await world.moving_in.take_over(a_foreign(issuer=ISSUER.url + "/"))
    assert taken.grant.account.issuer.url == ISSUER.url


async def test_another_issuers_metadata_are_refused() -> None:
    world = await a_world()
    answering(world, token_answer())
    with pytest.raises(IssuerMismatchError):
        await world.moving_in.take_over(a_foreign(issuer="https://evil.example"))


async def test_an_access_token_that_is_all_there_is_is_kept_as_it_is() -> None:
    preset = IssuerPreset(name="forge", issuer=ISSUER.url, pinned=ISSUER)
    world = World(presets={"forge": preset})
    await world.vault.open_at_start()
    foreign = a_foreign(
        issuer="forge",
        refresh_token=None,
        access_token=Secret("gho_x"),
        scopes=(),
    )
    taken = await world.moving_in.take_over(foreign)
    assert "could not be tried" in taken.notes[0]
    assert not taken.is_rotated
    key = world.tokens.key(NEW, None, None)
    token = await world.tokens.token(key, Seconds(0))
    assert (token.value, token.life) == (Secret("gho_x"), None)


async def test_scopes_that_only_the_issuer_knows_are_asked_for_next_time() -> None:
    world = await a_world()
    answering(world, token_answer(scope="mail drive"))
    taken = await world.moving_in.take_over(a_foreign(scopes=()))
    assert taken.grant.account.scopes == ("drive", "mail")
    assert taken.notes == ()


async def test_scopes_that_nobody_knows_are_told() -> None:
    world = await a_world()
    answering(world, token_answer())
    taken = await world.moving_in.take_over(a_foreign(scopes=()))
    assert "which scopes" in taken.notes[0]


# --- who it is -------------------------------------------------------------------


async def identified_by(
    issuer: TalkingIssuer, **metadata: object
) -> tuple[World, TakenOver]:
    """What came of taking a sign-in with `openid` over."""
    world = await a_world()

    def net(request: HttpRequest) -> HttpResponse:
        if "well-known" in request.url:
            return json_response({**METADATA, "jwks_uri": KEYS_URL, **metadata})
        return issuer(request)

    world.sender.answer_always(net)
    client = Client(client_id="client-1")
    foreign = a_foreign(client=client, scopes=("openid", "drive"))
    return world, await world.moving_in.take_over(foreign)


async def test_it_is_known_whose_it_is() -> None:
    token = id_token(name="Ada", email="ada@example.test")
    world, taken = await identified_by(TalkingIssuer(id_token=token))
    kept = world.store.grants[NEW]
    assert kept.subject == "person-1"
    assert kept.person == Person(name="Ada", email="ada@example.test")
    assert taken.notes == ()
    # The ID token is at hand, too.
    wanted = IdTokenWanted(account=NEW)
    assert (await world.id_tokens.id_token(PERSON, wanted)).token.value == token
    assert len([r for r in world.sender.requests if r.method == "POST"]) == 1
    # From now on it is this person's.
    issuer = TalkingIssuer(id_token=id_token(sub="person-2"))
    world.sender.answer_always(issuer)
    with pytest.raises(IssuerMalformedError, match="somebody else's"):
        await world.tokens.renew(NEW)


async def test_name_and_address_are_asked_for_where_the_id_token_is_without() -> None:
    said = {"sub": "person-1", "name": "Ada"}
    issuer = TalkingIssuer(id_token=id_token(), userinfo=said)
    world, taken = await identified_by(issuer, userinfo_endpoint=USERINFO_URL)
    assert world.store.grants[NEW].person == Person(name="Ada")
    assert taken.notes == ()


@pytest.mark.parametrize(
    ("token", "fault"),
    [
        (id_token(Signer("key-2")), "does not publish"),
        (id_token(aud="another"), "not for this client"),
        (id_token(iss="https://evil.example"), "made by"),
    ],
)
async def test_an_id_token_of_no_use_names_nobody_and_costs_no_sign_in(
    token: Secret, fault: str
) -> None:
    world, taken = await identified_by(TalkingIssuer(id_token=token))
    assert world.store.grants[NEW].subject is None
    assert fault in taken.notes[0]
    assert world.tokens.id_tokens.find(NEW) is None


async def test_a_sign_in_for_an_mcp_server_is_for_it_alone() -> None:
    world = await a_world()
    asked: list[HttpRequest] = []
    server = "https://mcp.example/mcp"
    place = "https://mcp.example/.well-known/oauth-protected-resource/mcp"
    described = {"resource": server, "authorization_servers": [ISSUER.url]}
    header = {"www-authenticate": f'Bearer resource_metadata="{place}"'}

    def net(request: HttpRequest) -> HttpResponse:
        if request.url == server:
            return HttpResponse(status=401, headers=header)
        if request.url == place:
            return json_response(described)
        if request.method == "GET":
            with_pkce = {**METADATA, "code_challenge_methods_supported": ["S256"]}
            return json_response(with_pkce)
        asked.append(request)
        return token_answer()

    world.sender.answer_always(net)
    taken = await world.moving_in.take_over(a_foreign(issuer=None, mcp=server))
    assert taken.grant.account.resource == server
    assert taken.grant.account.client.client_id == "theirs"
    assert len(asked) == 1
