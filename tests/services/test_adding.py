"""Accounts without a person are tried, then saved."""

import asyncio

import pytest
from msgspec.structs import replace

from broker.model.account import AccountName
from broker.model.client import Client, ClientAuthentication, ClientCertificate
from broker.model.errors import (
    AccountExistsError,
    BadRequestError,
    BrokerError,
    ClientRejectedError,
    CredentialFileError,
    IssuerUnreachableError,
    NotExportableError,
)
from broker.model.event import EventKind
from broker.model.http import HttpResponse
from broker.model.log_out import LogOutOptions
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.model.unattended import ClientCredentials, JwtBearer
from broker.oauth.unattended_client import bare_issuer
from broker.services.adding import Added
from broker.services.sign_in import SignInRequest
from tests.fakes.clock import run_until_idle
from tests.oauth.keys import signing_key
from tests.oauth.test_jwt_bearer import BEARER
from tests.services.robots import ROBOT, SECRET, a_robot, a_wanted, answering
from tests.services.world import (
    ISSUER,
    METADATA,
    WORK,
    World,
    a_grant,
    a_world,
    refusal,
    token_answer,
)


async def test_it_is_saved_with_its_secret_and_its_first_token_is_at_hand() -> None:
    world = await a_world()
    asked = answering(world, token_answer(scope="read"))
    added = await world.adding.add(a_wanted())
    assert added.token.value == Secret("access-1")
    kept = world.store.grants[ROBOT]
    assert kept.unattended == ClientCredentials()
    assert kept.account.client == SECRET
    assert kept.scopes == {"read"}
    assert (kept.refresh_token, kept.intent) == (None, None)
    token = await world.tokens.token(world.tokens.key(ROBOT, None, None), Seconds(0))
    assert token.value == Secret("access-1")
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("methods", "chosen"),
    [
        (["client_secret_post"], ClientAuthentication.POST),
        (["client_secret_post", "client_secret_basic"], ClientAuthentication.BASIC),
    ],
)
async def test_its_client_proves_itself_as_the_issuers_metadata_say(
    methods: list[str], chosen: ClientAuthentication
) -> None:
    world = await a_world()
    offered = {"token_endpoint_auth_methods_supported": methods}
    asked = answering(world, token_answer(), metadata={**METADATA, **offered})
    added = await world.adding.add(a_wanted())
    assert added.grant.account.client.authentication is chosen
    is_in_header = "Authorization" in asked[0].headers
    assert is_in_header is (chosen is ClientAuthentication.BASIC)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (refusal("invalid_client", status=401), "client_rejected"),
        (refusal("unauthorized_client"), "client_rejected"),
        (refusal("invalid_scope"), "scope_refused"),
        (refusal("unsupported_grant_type"), "credential_refused"),
        (IssuerUnreachableError(issuer=ISSUER.url, what="no route"), None),
        (token_answer(expires_in=0), "issuer_malformed"),
    ],
)
async def test_where_the_issuer_refuses_nothing_is_kept_and_nothing_told(
    answer: HttpResponse | BrokerError, code: str | None
) -> None:
    world = await a_world()
    answering(world, answer)
    with world.events.subscribe() as told, pytest.raises(BrokerError) as raised:
        await world.adding.add(a_wanted())
    assert raised.value.code == (code or "issuer_unreachable")
    assert world.store.grants == {}
    assert not told._events


async def test_a_try_that_failed_does_not_hold_up_the_next() -> None:
    world = await a_world()
    answering(world, refusal("invalid_client", status=401), token_answer())
    with pytest.raises(BrokerError):
        await world.adding.add(a_wanted())
    added = await world.adding.add(a_wanted(replace=True))
    assert added.token.value == Secret("access-1")


async def test_it_is_told_as_a_sign_in() -> None:
    world = await a_world()
    answering(world, token_answer())
    with world.events.subscribe() as told:
        await world.adding.add(a_wanted())
    assert [event.kind for event in told._events] == [EventKind.SIGNED_IN]


async def test_the_first_account_makes_the_store() -> None:
    world = World(source=None)
    await world.vault.open_at_start()
    answering(world, token_answer())
    added = await world.adding.add(a_wanted())
    assert "made a store" in added.notes[0]
    assert ROBOT in world.store.grants


async def test_a_name_that_is_taken_is_refused_before_anybody_is_asked() -> None:
    world = await a_world(a_robot())
    asked = answering(world, token_answer())
    with pytest.raises(AccountExistsError):
        await world.adding.add(a_wanted())
    assert asked == []


async def test_with_replace_it_is_made_anew_and_old_tokens_are_gone() -> None:
    world = await a_world(a_robot())
    answering(world, token_answer("old"), token_answer("narrow"), token_answer("new"))
    key = world.tokens.key(ROBOT, None, None)
    narrow = world.tokens.key(ROBOT, frozenset({"read"}), None)
    for each in (key, narrow):
        await world.tokens.token(each, Seconds(0))
    await world.adding.add(a_wanted(replace=True))
    assert world.store.grants[ROBOT].version == 2
    for each in (key, narrow):
        assert (await world.tokens.token(each, Seconds(0))).value == Secret("new")


async def test_where_the_new_one_is_refused_the_old_one_stays() -> None:
    world = await a_world(a_robot())
    answering(world, refusal("invalid_client"))
    with pytest.raises(BrokerError):
        await world.adding.add(a_wanted(replace=True))
    assert world.store.grants[ROBOT] == a_robot()


async def test_of_two_that_make_the_same_account_at_once_one_is_told() -> None:
    world = await a_world()
    answering(world, token_answer("one"), token_answer("two"))
    # Both have seen that the name is free.
    async with world.tokens.turn(ROBOT):
        makings = [asyncio.create_task(world.adding.add(a_wanted())) for _ in range(2)]
        await run_until_idle()
    done = await asyncio.gather(*makings, return_exceptions=True)
    assert [type(each) for each in done] == [Added, AccountExistsError]


async def test_a_sign_in_is_never_replaced() -> None:
    world = await a_world(a_grant())
    answering(world, token_answer())
    with pytest.raises(AccountExistsError):
        await world.adding.add(a_wanted(name=WORK, replace=True))


async def test_nobody_signs_in_to_an_account_without_a_person() -> None:
    world = await a_world(a_robot())
    request = SignInRequest(account=ROBOT, issuer=ISSUER.url)
    with pytest.raises(AccountExistsError):
        await world.sign_ins().complete(request, world.store.grants[ROBOT])


async def test_a_log_out_forgets_it_and_ends_the_tokens_at_hand() -> None:
    world = await a_world(a_robot())
    asked = answering(world, token_answer("at-hand"))
    await world.tokens.token(world.tokens.key(ROBOT, None, None), Seconds(0))
    done = await world.accounts.log_out(ROBOT, LogOutOptions())
    assert (done.left, done.pending) == ((), False)
    assert world.store.grants == {}
    assert asked[-1].url == ISSUER.revocation_endpoint
    assert world.sender.form()["token"] == "at-hand"


async def test_what_outlives_a_log_out_is_told_but_no_session_of_a_browser() -> None:
    deaf = replace(
        ISSUER,
        revocation_endpoint=None,
        end_session_endpoint=f"{ISSUER.url}/logout",
    )
    world = await a_world(a_robot(issuer=deaf))
    answering(world, token_answer("at-hand"))
    await world.tokens.token(world.tokens.key(ROBOT, None, None), Seconds(0))
    done = await world.accounts.log_out(ROBOT, LogOutOptions())
    said = f"{ISSUER.url} did not end its tokens: they live to their end"
    assert (done.left, done.end_session_url) == ((said,), None)


@pytest.mark.parametrize(
    "fault",
    [
        CredentialFileError(what="the client's certificate: gone", stays=True),
        ClientRejectedError(issuer=ISSUER.url, error="TLS", description="unknown ca"),
    ],
)
async def test_a_certificate_that_is_no_good_stops_no_log_out(
    fault: BrokerError,
) -> None:
    world = await a_world(a_robot())
    answering(world, token_answer("at-hand"), fault)
    await world.tokens.token(world.tokens.key(ROBOT, None, None), Seconds(0))
    done = await world.accounts.log_out(ROBOT, LogOutOptions())
    assert "did not end its tokens" in done.left[0]
    assert world.store.grants == {}


async def test_a_log_out_here_alone_asks_nobody() -> None:
    world = await a_world(a_robot())
    asked = answering(world, token_answer("at-hand"))
    await world.tokens.token(world.tokens.key(ROBOT, None, None), Seconds(0))
    await world.accounts.log_out(ROBOT, LogOutOptions(local_only=True))
    assert len(asked) == 1


async def test_there_is_no_sign_in_to_keep() -> None:
    world = await a_world(a_robot())
    with pytest.raises(BadRequestError, match="no sign-in to keep"):
        await world.accounts.log_out(ROBOT, LogOutOptions(keep_sign_in=True))
    assert ROBOT in world.store.grants


async def test_its_secret_is_not_given_away() -> None:
    world = await a_world(a_robot())
    with pytest.raises(NotExportableError):
        await world.moving_out.export(AccountName("robot"))


async def test_a_key_signs_with_what_the_issuer_takes_and_is_sealed() -> None:
    world = await a_world()
    taken = {"token_endpoint_auth_signing_alg_values_supported": ["RS256", "ES256"]}
    answering(world, token_answer(), metadata={**METADATA, **taken})
    client = Client(client_id="robot-1", key=signing_key())
    await world.adding.add(a_wanted(client=client, audience="token-endpoint"))
    kept = world.store.grants[ROBOT].account.client
    assert kept.key == signing_key()
    assert kept.audience == ISSUER.token_endpoint
    assert kept.authentication is ClientAuthentication.PRIVATE_KEY_JWT


async def test_a_key_that_the_issuer_takes_nothing_of_is_refused_at_once() -> None:
    world = await a_world()
    taken = {"token_endpoint_auth_signing_alg_values_supported": ["RS256"]}
    asked = answering(world, token_answer(), metadata={**METADATA, **taken})
    client = Client(client_id="robot-1", key=signing_key())
    with pytest.raises(CredentialFileError, match="takes RS256"):
        await world.adding.add(a_wanted(client=client))
    assert asked == []


async def test_a_certificate_is_shown_where_the_issuer_wants_it() -> None:
    world = await a_world()
    places = {"token_endpoint": "https://mtls.issuer.example/token"}
    metadata = {**METADATA, "mtls_endpoint_aliases": places}
    asked = answering(world, token_answer(), metadata=metadata)
    shown = ClientCertificate(certificate="/c.pem")
    client = Client(client_id="robot-1", certificate=shown)
    added = await world.adding.add(a_wanted(client=client))
    assert asked[0].url == "https://mtls.issuer.example/token"
    assert asked[0].certificate == shown
    # No answer says whether they are, and a program may wonder why an API refuses it.
    assert "may be bound to the certificate" in added.notes[-1]


async def test_a_jwt_is_for_the_issuer_that_was_found() -> None:
    world = await a_world()
    answering(world, token_answer())
    added = await world.adding.add(a_wanted(unattended=BEARER))
    assert isinstance(added.grant.unattended, JwtBearer)
    assert added.grant.unattended.audience == ISSUER.url


async def test_an_issuer_without_metadata_is_asked_at_the_place_that_is_named() -> None:
    world = await a_world()
    asked = answering(world, token_answer(), metadata={})
    issuer = bare_issuer("https://issuer.example/oauth/token", ISSUER.url)
    added = await world.adding.add(a_wanted(issuer=issuer, secret_in_body=True))
    assert [r.url for r in world.sender.requests] == [issuer.token_endpoint]
    assert added.grant.account.issuer == issuer
    assert "client_secret=s3cret" in asked[0].body.decode()


async def test_an_issuer_where_nobody_can_sign_in_is_one_all_the_same() -> None:
    world = await a_world()
    robots_only = {k: v for k, v in METADATA.items() if k != "authorization_endpoint"}
    answering(world, token_answer(), metadata=robots_only)
    added = await world.adding.add(a_wanted())
    assert added.grant.account.issuer.authorization_endpoint == ""
