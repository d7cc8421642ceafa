"""A sign-in that is repeated: what is stored stays, what is named replaces it."""

import pytest
from msgspec.structs import replace

from broker.model.account import RedirectChoice
from broker.model.client import Client
from broker.model.errors import ClientNeededError, IssuerMovedError
from broker.model.grant import Grant
from broker.model.redirect import ResponseMode
from broker.model.secret import Secret
from broker.services.sign_in import SignIn, SignInRequest
from tests.fakes.sender import Answer, FakeSender, json_response
from tests.services.signing import sign_ins
from tests.services.test_sign_in import PRESETS, first
from tests.services.world import METADATA, WORK, a_grant, an_account


def stored(**members: object) -> Grant:
    """A grant with everything in its sign-in that a person may name."""
    words: dict[str, object] = {
        "parameters": {"hd": "example.com"},
        "login_hint": "alice",
        "redirect": RedirectChoice(port=8080),
        **members,
    }
    account = replace(an_account(), **words)
    return replace(a_grant(), account=account)


async def complete_again(
    request: SignInRequest, *answers: Answer, before: Grant
) -> SignIn:
    sender = FakeSender(*answers)
    return await sign_ins(sender, PRESETS).complete(request, before)


async def test_a_name_alone_repeats_the_stored_sign_in_and_asks_nobody() -> None:
    sign_in = await complete_again(SignInRequest(account=WORK), before=stored())
    assert sign_in.account == stored().account
    assert not sign_in.is_first


async def test_what_is_named_replaces_what_is_stored_and_the_rest_stays() -> None:
    request = SignInRequest(account=WORK, scopes=("mail",), parameters={})
    sign_in = await complete_again(request, before=stored())
    assert sign_in.account == replace(stored().account, scopes=("mail",), parameters={})
    assert not sign_in.is_first


@pytest.mark.parametrize(
    "request_",
    [
        first(client=Client(client_id="client-2")),
        SignInRequest(account=WORK, client=Client(client_id="client-2")),
    ],
)
async def test_another_client_is_another_sign_in_of_which_nothing_is_kept(
    request_: SignInRequest,
) -> None:
    sign_in = await complete_again(request_, json_response(METADATA), before=stored())
    assert sign_in.is_first
    assert sign_in.account.client.client_id == "client-2"
    assert sign_in.account.scopes == ()
    assert sign_in.account.login_hint is None
    assert sign_in.account.parameters == {}


async def test_a_client_secret_is_never_taken_to_another_issuer() -> None:
    with pytest.raises(ClientNeededError) as caught:
        await complete_again(
            SignInRequest(account=WORK, issuer="pinned"), before=stored()
        )
    assert caught.value.missing == "client"


async def test_a_new_secret_of_the_same_client_is_the_same_sign_in() -> None:
    renewed = Client(client_id="client-1", client_secret=Secret("new"))
    request = SignInRequest(account=WORK, client=renewed)
    sign_in = await complete_again(request, before=stored())
    assert sign_in.account.client.client_secret == Secret("new")
    assert sign_in.account.login_hint == "alice"
    assert not sign_in.is_first


async def test_scopes_are_added_to_those_that_are_asked_for_or_granted() -> None:
    grant = replace(stored(), scopes=frozenset({"drive", "extra"}))
    request = SignInRequest(account=WORK, add_scopes=("calendar", "drive"))
    sign_in = await complete_again(request, before=grant)
    assert sign_in.account.scopes == ("drive", "mail", "extra", "calendar")
    assert not sign_in.is_first


async def test_scopes_are_added_to_those_that_are_named() -> None:
    request = SignInRequest(account=WORK, scopes=("mail",), add_scopes=("calendar",))
    sign_in = await complete_again(request, before=stored())
    assert sign_in.account.scopes == ("mail", "drive", "calendar")


async def test_scopes_of_another_sign_in_are_not_added_to_those_of_a_new_one() -> None:
    grant = replace(stored(), scopes=frozenset({"drive", "extra"}))
    other = Client(client_id="client-2")
    request = SignInRequest(account=WORK, client=other, add_scopes=("calendar",))
    sign_in = await complete_again(request, before=grant)
    assert sign_in.account.scopes == ("calendar",)


async def test_another_resource_keeps_what_was_named_but_no_older_token() -> None:
    named = SignInRequest(account=WORK, resource="https://api.example/")
    sign_in = await complete_again(named, before=stored())
    assert sign_in.account == replace(stored().account, resource=named.resource)
    assert sign_in.is_first

    before = replace(stored(), account=sign_in.account)
    repeated = await complete_again(SignInRequest(account=WORK), before=before)
    assert repeated.account.resource == "https://api.example/"
    assert not repeated.is_first

    request = first(issuer="pinned", client=Client(client_id="client-1"))
    elsewhere = await complete_again(request, before=before)
    assert elsewhere.account.resource is None


EVIL = "https://evil.example/there"


@pytest.mark.parametrize(
    "name",
    [
        "authorization_endpoint",
        "token_endpoint",
        "revocation_endpoint",
        "device_authorization_endpoint",
        "pushed_authorization_request_endpoint",
        "registration_endpoint",
        "end_session_endpoint",
        "userinfo_endpoint",
    ],
)
async def test_checklist_45_an_endpoint_at_a_new_host_waits_for_the_person(
    name: str,
) -> None:
    moved = json_response({**METADATA, name: EVIL})
    with pytest.raises(IssuerMovedError) as caught:
        await complete_again(first(), moved, before=stored())
    assert caught.value.hosts == ("evil.example",)
    taken = first(accept_issuer=True)
    sign_in = await complete_again(taken, moved, before=stored())
    assert getattr(sign_in.account.issuer, name) == EVIL


async def test_an_endpoint_that_moves_within_the_hosts_that_are_known_is_taken() -> (
    None
):
    moved = {**METADATA, "token_endpoint": "https://issuer.example/another"}
    sign_in = await complete_again(first(), json_response(moved), before=stored())
    assert sign_in.account.issuer.token_endpoint == "https://issuer.example/another"


async def test_another_issuer_may_be_anywhere() -> None:
    other = {
        "issuer": "https://evil.example",
        "authorization_endpoint": EVIL,
        "token_endpoint": EVIL,
    }
    request = first(issuer="https://evil.example")
    sign_in = await complete_again(request, json_response(other), before=stored())
    assert sign_in.account.issuer.url == "https://evil.example"


@pytest.mark.parametrize(
    ("named", "choice", "whole"),
    [
        (
            {"mode"},
            RedirectChoice(mode=ResponseMode.FORM_POST),
            RedirectChoice(port=8080, mode=ResponseMode.FORM_POST),
        ),
        (
            {"bind"},
            RedirectChoice(bind="127.0.0.2"),
            RedirectChoice(port=8080, bind="127.0.0.2"),
        ),
        ({"port"}, RedirectChoice(port=0), RedirectChoice()),
        (
            {"uri"},
            RedirectChoice(uri="http://127.0.0.1:1/"),
            RedirectChoice(uri="http://127.0.0.1:1/"),
        ),
    ],
)
async def test_what_is_named_of_the_redirect_leaves_the_rest_as_it_is_stored(
    named: set[str], choice: RedirectChoice, whole: RedirectChoice
) -> None:
    request = SignInRequest(
        account=WORK, redirect=choice, redirect_named=frozenset(named)
    )
    sign_in = await complete_again(request, before=stored())
    assert sign_in.account.redirect == whole


async def test_a_port_takes_the_place_of_a_stored_redirect_uri() -> None:
    before = stored(redirect=RedirectChoice(uri="http://127.0.0.1:1/"))
    request = SignInRequest(
        account=WORK,
        redirect=RedirectChoice(port=8080),
        redirect_named=frozenset({"port"}),
    )
    sign_in = await complete_again(request, before=before)
    assert sign_in.account.redirect == RedirectChoice(port=8080)


async def test_another_sign_in_takes_nothing_of_the_stored_redirect() -> None:
    request = first(
        redirect=RedirectChoice(mode=ResponseMode.FORM_POST),
        redirect_named=frozenset({"mode"}),
        client=Client(client_id="client-2"),
    )
    sign_in = await complete_again(request, json_response(METADATA), before=stored())
    assert sign_in.account.redirect == RedirectChoice(mode=ResponseMode.FORM_POST)
