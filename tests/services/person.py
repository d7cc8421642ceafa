"""The person at the browser: begins logins, and comes back from the issuer."""

from urllib.parse import parse_qsl, urlsplit

from broker.model.client import Client
from broker.model.http import HttpResponse
from broker.model.redirect import Verdict
from broker.services.login import Login
from broker.services.sign_in import SignInRequest
from broker.services.way_in import LoginOptions
from tests.fakes.clock import run_until_idle
from tests.fakes.sender import json_response
from tests.services.world import ISSUER, METADATA, WORK, World


def a_request(**named: object) -> SignInRequest:
    """A first sign-in at the issuer of this world."""
    words: dict[str, object] = {
        "account": WORK,
        "issuer": ISSUER.url,
        "client": Client(client_id="client-1"),
        "scopes": ("drive", "mail"),
        **named,
    }
    return SignInRequest(**words)  # type: ignore[arg-type]


async def begun(
    world: World,
    request: SignInRequest | None = None,
    options: LoginOptions | None = None,
) -> Login:
    """A first login whose browser has been sent to the issuer."""
    world.sender.script(json_response(METADATA))
    options = options or LoginOptions(again=True)
    return (await world.logins.start(request or a_request(), options)).login


async def repeated(world: World) -> Login:
    """`brokerctl login work` alone: everything is as it is stored."""
    return (
        await world.logins.start(SignInRequest(account=WORK), LoginOptions(again=True))
    ).login


def asked(login: Login) -> dict[str, str]:
    """The parameters of the authorization request."""
    pairs = parse_qsl(urlsplit(login.authorization_url).query)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def respond(world: World, login: Login, rest: str = "code=code-1") -> Verdict:
    """The browser comes back."""
    state = login.own.state.reveal()
    return world.listener.last.deliver(f"{rest}&state={state}")


async def completed(world: World, login: Login, answer: HttpResponse) -> Login:
    """The browser comes back with a code, and the token endpoint gives `answer`."""
    world.sender.script(answer)
    assert respond(world, login) is Verdict.TAKEN
    await login.ended.wait()
    await run_until_idle()
    return login
