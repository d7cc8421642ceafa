"""Signing in to an MCP server: from its challenge to tokens that are for it alone."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec.structs import replace

from broker.model.client import Client
from broker.model.errors import (
    BadRequestError,
    IssuerInvalidError,
    IssuerMismatchError,
    PortInUseError,
    ResourceNotGrantedError,
)
from broker.model.grant import Grant
from broker.model.http import HttpRequest, HttpResponse
from broker.model.time import Seconds, UnixTime
from broker.services.served import TokenWanted
from broker.services.sign_in import SignIn, SignInRequest
from broker.services.way_in import LoginOptions
from tests.fakes.clock import run_until_idle
from tests.fakes.sender import FakeSender, json_response
from tests.services.person import completed
from tests.services.signing import registering, sign_ins
from tests.services.world import (
    ISSUER,
    METADATA,
    PERSON,
    WORK,
    World,
    a_grant,
    token_answer,
)

MCP = "https://mcp.example/mcp"
PLACE = "https://mcp.example/.well-known/oauth-protected-resource/mcp"
DESCRIBED: dict[str, object] = {
    "resource": MCP,
    "authorization_servers": [ISSUER.url],
    "scopes_supported": ["files", "mail"],
}
OAUTH: dict[str, object] = {
    **METADATA,
    "registration_endpoint": "https://issuer.example/register",
    "code_challenge_methods_supported": ["S256"],
    "token_endpoint_auth_methods_supported": ["none"],
    "scopes_supported": ["offline_access"],
}
WELL_KNOWN = "https://issuer.example/.well-known/oauth-authorization-server"


class Net:
    """An MCP server and its issuer: what each address answers."""

    def __init__(self, **changes: object) -> None:
        header = f'Bearer resource_metadata="{PLACE}"'
        challenge = HttpResponse(status=401, headers={"www-authenticate": header})
        self.answers: dict[str, HttpResponse] = {
            MCP: challenge,
            PLACE: json_response(DESCRIBED),
            WELL_KNOWN: json_response({**OAUTH, **changes}),
            "https://issuer.example/register": json_response(
                {"client_id": "made"}, status=201
            ),
        }

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.answers.get(request.url, HttpResponse(status=404))


def to_mcp(**named: object) -> SignInRequest:
    return SignInRequest(account=WORK, mcp=MCP, **named)  # type: ignore[arg-type]


async def complete(
    net: Net, request: SignInRequest | None = None, before: Grant | None = None
) -> tuple[SignIn, list[str]]:
    sender = FakeSender(otherwise=net)
    sign_in = await sign_ins(sender).complete(request or to_mcp(), before)
    return sign_in, [one.url for one in sender.requests]


async def test_an_mcp_servers_url_is_all_that_a_person_must_know() -> None:
    sign_in, asked = await complete(Net())
    account = sign_in.account
    assert account.resource == MCP
    assert account.issuer.url == ISSUER.url
    assert account.client.client_id == "made"
    assert account.scopes == ("files", "mail", "offline_access")
    assert account.redirect.port
    assert sign_in.is_first
    assert asked == [MCP, PLACE, WELL_KNOWN, "https://issuer.example/register"]


async def test_mcp_metadata_discovery_tries_rfc_8414_first_and_openid_after() -> None:
    issuer = "https://issuer.example/tenant1"
    net = Net()
    described = {**DESCRIBED, "authorization_servers": [issuer]}
    net.answers[PLACE] = json_response(described)
    appended = f"{issuer}/.well-known/openid-configuration"
    net.answers[appended] = json_response({**OAUTH, "issuer": issuer})
    _, asked = await complete(net)
    assert asked[2:5] == [
        "https://issuer.example/.well-known/oauth-authorization-server/tenant1",
        "https://issuer.example/.well-known/openid-configuration/tenant1",
        appended,
    ]


async def test_checklist_6_an_issuer_that_does_not_say_pkce_is_refused() -> None:
    with pytest.raises(IssuerInvalidError, match="PKCE"):
        await complete(Net(code_challenge_methods_supported=None))


async def test_checklist_42_metadata_of_another_issuer_is_not_used() -> None:
    with pytest.raises(IssuerMismatchError):
        await complete(Net(issuer="https://evil.example"))


async def test_a_given_client_and_given_scopes_go_before_what_the_server_says() -> None:
    given = to_mcp(client=Client(client_id="given"), scopes=("mail",))
    sign_in, asked = await complete(Net(), given)
    assert sign_in.account.client.client_id == "given"
    assert sign_in.account.scopes == ("mail",)
    assert "https://issuer.example/register" not in asked


async def test_where_nobody_says_a_scope_none_is_asked_for() -> None:
    net = Net()
    bare = {k: v for k, v in DESCRIBED.items() if k != "scopes_supported"}
    net.answers[PLACE] = json_response(bare)
    sign_in, _ = await complete(net)
    assert sign_in.account.scopes == ()


async def test_offline_access_is_asked_for_only_where_the_issuer_has_it() -> None:
    sign_in, _ = await complete(Net(scopes_supported=["files"]))
    assert sign_in.account.scopes == ("files", "mail")


async def test_a_sign_in_stays_with_its_resource_when_it_is_repeated() -> None:
    first, _ = await complete(Net())
    before = replace(a_grant(), account=first.account)
    again, asked = await complete(Net(), SignInRequest(account=WORK), before)
    assert again.account == first.account
    assert not again.is_first
    assert asked == []
    other = SignInRequest(account=WORK, client=Client(client_id="given"))
    changed, _ = await complete(Net(), other, before)
    assert changed.account.resource == MCP
    assert changed.account.scopes == first.account.scopes
    assert changed.is_first


async def test_a_client_that_is_made_anew_keeps_what_the_person_named() -> None:
    named = to_mcp(scopes=("mail",), login_hint="ada", parameters={"hd": "a.example"})
    first, _ = await complete(Net(), named)
    client = first.account.client
    assert client.registration is not None
    ended = replace(client.registration, expires_at=UnixTime(1))
    account = replace(first.account, client=replace(client, registration=ended))
    before = replace(a_grant(), account=account)
    net = Net()
    net.answers["https://issuer.example/register"] = json_response(
        {"client_id": "made-2"}, status=201
    )
    again, _ = await complete(net, SignInRequest(account=WORK), before)
    assert again.account.client.client_id == "made-2"
    assert again.account.scopes == ("mail",)
    assert again.account.login_hint == "ada"
    assert again.account.parameters == {"hd": "a.example"}
    # The old refresh token is another client's: it must not be kept.
    assert again.is_first


async def test_another_server_of_the_same_issuer_is_another_sign_in() -> None:
    before = replace(a_grant(), account=replace(a_grant().account, issuer=ISSUER))
    sign_in, _ = await complete(Net(), before=before)
    assert sign_in.is_first
    assert sign_in.account.client == before.account.client


# --- the whole way -----------------------------------------------------------------


async def signed_in() -> World:
    """A world with an account at the MCP server."""
    world = World()
    await world.vault.open_at_start()
    world.sender.answer_always(Net())
    started = await world.logins.start(to_mcp(), LoginOptions())
    answer = token_answer(refresh_token="refresh-1", scope="files mail")
    login = await completed(world, started.login, answer)
    assert login.error is None
    return world


async def test_rfc8707_the_resource_is_in_every_request_for_a_token() -> None:
    world = World()
    await world.vault.open_at_start()
    world.sender.answer_always(Net())
    started = await world.logins.start(to_mcp(), LoginOptions())
    query = parse_qs(urlsplit(started.login.authorization_url).query)
    assert query["resource"] == [MCP]
    assert query["client_id"] == ["made"]
    answer = token_answer(refresh_token="refresh-1", scope="files mail")
    login = await completed(world, started.login, answer)
    assert login.error is None
    assert world.sender.form()["resource"] == MCP

    await world.clock.advance(Seconds(4000))
    world.sender.script(token_answer("access-2", refresh_token="refresh-2"))
    served = await world.access.token(PERSON, TokenWanted(account=WORK))
    assert served.token.value.reveal() == "access-2"
    form = world.sender.form()
    assert form["grant_type"] == "refresh_token"
    assert form["resource"] == MCP

    world.sender.script(token_answer("access-3"))
    narrow = TokenWanted(account=WORK, scopes=frozenset({"files"}), resource=MCP)
    await world.access.token(PERSON, narrow)
    assert world.sender.form()["resource"] == MCP
    assert world.sender.form()["scope"] == "files"


async def test_checklist_46_tokens_are_for_that_resource_and_no_other() -> None:
    world = await signed_in()
    count = len(world.sender.requests)

    same = TokenWanted(account=WORK, resource=MCP)
    assert world.access.cached_token(PERSON, same) is not None
    for other in ("https://evil.example/mcp", "https://mcp.example", MCP + "/"):
        wanted = TokenWanted(account=WORK, resource=other)
        with pytest.raises(ResourceNotGrantedError) as caught:
            await world.access.token(PERSON, wanted)
        assert caught.value.granted == MCP
        with pytest.raises(ResourceNotGrantedError):
            world.access.cached_token(PERSON, wanted)
    assert len(world.sender.requests) == count


async def test_the_resource_is_not_named_twice() -> None:
    world = World()
    await world.vault.open_at_start()
    world.sender.answer_always(Net())
    other = to_mcp(parameters={"resource": "https://evil.example"})
    with pytest.raises(BadRequestError):
        await world.logins.start(other, LoginOptions())


async def test_a_login_that_is_tried_again_has_the_same_client() -> None:
    world = World()
    await world.vault.open_at_start()
    world.sender.answer_always(Net())
    first = await world.logins.start(to_mcp(), LoginOptions())
    joined = await world.logins.start(to_mcp(), LoginOptions())
    assert joined.joined
    world.logins.cancel(first.login)
    await first.login.ended.wait()
    again = await world.logins.start(to_mcp(), LoginOptions())
    assert not again.joined
    registrations = [r for r in world.sender.requests if r.url.endswith("/register")]
    assert len(registrations) == 1
    assert json.loads(registrations[0].body)["application_type"] == "native"


async def another_day() -> World:
    """A world with an account at the MCP server, after a restart: nothing is remembered
    of the registration, and the next one gives 'made-2'."""
    world = await signed_in()
    world.registering = registering(world.sender, world.clock)
    world.logins = world.a_login_service()
    net = Net()
    net.answers["https://issuer.example/register"] = json_response(
        {"client_id": "made-2"}, status=201
    )
    world.sender.answer_always(net)
    return world


async def client_of_a_repeated_login(world: World) -> str:
    started = await world.logins.start(SignInRequest(account=WORK), LoginOptions())
    client = started.login.sign_in.account.client.client_id
    world.logins.cancel(started.login)
    await started.login.ended.wait()
    await run_until_idle()
    return client


async def test_a_client_whose_login_failed_is_made_anew_for_the_next() -> None:
    world = await another_day()
    assert await client_of_a_repeated_login(world) == "made"
    assert await client_of_a_repeated_login(world) == "made-2"


async def test_a_client_whose_login_cannot_even_begin_is_made_anew_for_the_next() -> (
    None
):
    world = await another_day()
    world.listener.refuse(PortInUseError(host="127.0.0.1", port=20001))
    with pytest.raises(PortInUseError):
        await world.logins.start(SignInRequest(account=WORK), LoginOptions())
    assert await client_of_a_repeated_login(world) == "made-2"


async def test_a_login_that_has_ended_keeps_nothing_of_the_registration() -> None:
    world = World()
    await world.vault.open_at_start()
    world.sender.answer_always(Net())
    started = await world.logins.start(to_mcp(), LoginOptions())
    assert started.login.sign_in.account.client.registration is not None
    world.logins.cancel(started.login)
    await started.login.ended.wait()
    assert started.login.sign_in.account.client.registration is None
