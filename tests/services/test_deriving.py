"""Accounts of other accounts are tried, then saved; none turns in a circle."""

import asyncio

import pytest
from msgspec.structs import replace

from broker.model.account import AccountName
from broker.model.client import Client, ClientAuthentication, ClientCertificate
from broker.model.errors import (
    AccountExistsError,
    BadRequestError,
    BrokerError,
    IssuerInvalidError,
    LoginRequiredError,
    NotNarrowedError,
    ScopeNotGrantedError,
    UnknownAccountError,
)
from broker.model.log_out import LogOutOptions
from broker.model.secret import Secret
from broker.model.unattended import TokenExchange, View
from broker.oauth.private_keys import parse_private_key
from broker.services.deriving import ExchangeWanted, ViewWanted
from tests.oauth.keys import p256, pem
from tests.services.derived import (
    ACCESS,
    CI,
    GATEWAY,
    a_view,
    an_exchange,
    both,
)
from tests.services.world import (
    CLIENT,
    HOME,
    ISSUER,
    WORK,
    a_grant,
    a_world,
    refusal,
    token_answer,
)

STS_ENDPOINT = "https://sts.example/token"


def wanted_view(*scopes: str, **changes: object) -> ViewWanted:
    wanted = ViewWanted(name=CI, view=View(parent=WORK), scopes=scopes)
    return replace(wanted, **changes)


def wanted_exchange(**changes: object) -> ExchangeWanted:
    how = TokenExchange(parent=WORK, subject_type=ACCESS)
    wanted = ExchangeWanted(name=GATEWAY, exchange=how, scopes=("read",))
    return replace(wanted, **changes)


async def test_a_view_is_tried_with_one_token_and_saved_without_a_secret() -> None:
    world = await a_world(a_grant())
    issuers = both(world)
    added = await world.deriving.view(wanted_view("mail"))
    assert added.token.scopes == {"mail"}
    kept = world.store.grants[CI]
    assert kept.unattended == View(parent=WORK)
    assert kept.account.scopes == ("mail",)
    assert (kept.refresh_token, kept.account.client.client_secret) == (None, None)
    assert len(issuers.refreshes) == 1


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        (wanted_view("mail", "calendar"), ScopeNotGrantedError),
        (wanted_view("mail", name=HOME), AccountExistsError),
        (wanted_view("mail", view=View(parent=AccountName("no"))), UnknownAccountError),
        (wanted_view("mail", view=View(parent=CI)), UnknownAccountError),
    ],
)
async def test_a_view_that_cannot_be_is_not_saved(
    wanted: ViewWanted, error: type[BrokerError]
) -> None:
    world = await a_world(a_grant(), a_grant(HOME))
    both(world)
    with pytest.raises(error):
        await world.deriving.view(wanted)
    assert CI not in world.store.grants


async def test_a_view_of_what_is_not_narrowed_is_made_only_where_that_is_meant() -> (
    None
):
    world = await a_world(a_grant())
    world.sender.answer_always(token_answer(scope="drive mail"))
    with pytest.raises(NotNarrowedError):
        await world.deriving.view(wanted_view("mail"))
    assert CI not in world.store.grants
    meant = View(parent=WORK, wider=True)
    await world.deriving.view(wanted_view("mail", view=meant))
    assert CI in world.store.grants


async def test_a_view_is_made_anew_where_that_is_said() -> None:
    world = await a_world(a_grant(), a_view("mail"))
    both(world)
    with pytest.raises(AccountExistsError):
        await world.deriving.view(wanted_view("drive"))
    await world.deriving.view(wanted_view("drive", replace=True))
    assert world.grants.get(CI).account.scopes == ("drive",)


async def test_a_view_of_one_that_has_signed_out_is_not_made() -> None:
    world = await a_world(a_grant())
    options = LogOutOptions(local_only=True, keep_sign_in=True)
    await world.accounts.log_out(WORK, options)
    with pytest.raises(LoginRequiredError):
        await world.deriving.view(wanted_view("mail"))


async def test_a_circle_is_refused_even_where_its_first_is_gone() -> None:
    world = await a_world(a_grant(), a_view("mail"))
    both(world)
    await world.accounts.log_out(WORK, LogOutOptions(local_only=True))
    with pytest.raises(BadRequestError, match="circle"):
        await world.deriving.view(wanted_view("mail", name=WORK, view=View(parent=CI)))


async def test_two_at_once_are_not_made_of_each_other() -> None:
    one, two = AccountName("one"), AccountName("two")
    world = await a_world(a_grant(), a_view("mail", name=one), a_view("mail", name=two))
    both(world)
    makings = [
        world.deriving.view(
            wanted_view("mail", name=name, view=View(parent=parent), replace=True)
        )
        for name, parent in ((one, two), (two, one))
    ]
    done = await asyncio.gather(*makings, return_exceptions=True)
    assert [type(each) for each in done].count(BadRequestError) == 1


async def test_an_exchange_is_at_the_parents_issuer_with_its_client_by_default() -> (
    None
):
    world = await a_world(a_grant())
    both(world)
    await world.deriving.exchange(wanted_exchange())
    kept = world.store.grants[GATEWAY].account
    assert (kept.issuer, kept.client) == (ISSUER, replace(CLIENT, registration=None))


async def test_elsewhere_the_parents_client_is_shown_to_nobody() -> None:
    world = await a_world(a_grant())
    issuers = both(world)
    await world.deriving.exchange(wanted_exchange(token_endpoint=STS_ENDPOINT))
    assert world.sender.requests[-1].url == STS_ENDPOINT
    assert "Authorization" not in world.sender.requests[-1].headers
    assert not {"client_id", "client_secret"} & issuers.exchanges[0].keys()


async def test_a_client_of_its_own_proves_itself_as_the_issuer_wants_it() -> None:
    world = await a_world(a_grant())
    both(world)
    client = Client(client_id="g", client_secret=Secret("s"))
    await world.deriving.exchange(wanted_exchange(client=client, issuer=ISSUER.url))
    kept = world.store.grants[GATEWAY].account.client
    assert kept.authentication is ClientAuthentication.BASIC


async def test_its_client_signs_who_it_is_for_the_issuer_that_it_asks() -> None:
    world = await a_world(a_grant())
    issuers = both(world)
    client = Client(client_id="g", key=parse_private_key(Secret(pem(p256()))))
    await world.deriving.exchange(
        wanted_exchange(client=client, token_endpoint=STS_ENDPOINT)
    )
    kept = world.store.grants[GATEWAY].account.client
    assert kept.authentication is ClientAuthentication.PRIVATE_KEY_JWT
    assert kept.audience == STS_ENDPOINT
    assert issuers.exchanges[0]["client_id"] == ["g"]
    assert issuers.exchanges[0]["client_assertion"][0].count(".") == 2


async def test_its_certificate_is_shown_where_the_issuer_wants_it() -> None:
    world = await a_world(a_grant())
    both(world)
    shown = ClientCertificate(certificate="/c.pem")
    client = Client(client_id="g", certificate=shown)
    added = await world.deriving.exchange(
        wanted_exchange(client=client, token_endpoint=STS_ENDPOINT)
    )
    assert world.sender.requests[-1].certificate == shown
    assert "may be bound to the certificate" in added.notes[-1]


@pytest.mark.parametrize("endpoint", ["http://sts.example/token", "sts", "https://"])
async def test_a_token_is_not_shown_where_it_could_be_overheard(endpoint: str) -> None:
    world = await a_world(a_grant())
    issuers = both(world)
    with pytest.raises(IssuerInvalidError):
        await world.deriving.exchange(wanted_exchange(token_endpoint=endpoint))
    assert issuers.shown == []


async def test_an_exchange_that_is_refused_is_not_saved() -> None:
    world = await a_world(a_grant())
    both(world).to_exchange = [refusal("invalid_target")]
    with pytest.raises(BrokerError):
        await world.deriving.exchange(wanted_exchange())
    assert GATEWAY not in world.store.grants


async def test_an_exchange_is_not_made_of_itself() -> None:
    world = await a_world(a_grant(), an_exchange())
    both(world)
    how = TokenExchange(parent=GATEWAY, subject_type=ACCESS)
    with pytest.raises(BadRequestError, match="circle"):
        await world.deriving.exchange(wanted_exchange(exchange=how, replace=True))
