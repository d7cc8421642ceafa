"""The contract: every vector of clients/vectors against the real server."""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable

import pytest
from msgspec.structs import replace

from broker.model.account import AccountName
from broker.model.consent import Answer
from broker.model.errors import BrokerError, IssuerUnreachableError
from broker.model.event import Event, EventKind
from broker.model.grant import GrantState
from broker.model.http import HttpRequest, HttpResponse
from broker.model.issuer import IssuerPreset, PresetOrigin
from broker.model.late import Late
from broker.model.log_out import LogOutOptions
from broker.model.policy import PeerPattern, Policy, Rule, Verdict
from broker.model.premises import FileFacts
from broker.model.restriction import Restriction, SocketName
from broker.model.time import Seconds, UnixTime
from broker.model.way import Way
from broker.services.audit import Audit
from broker.services.token_cache import TokenKey
from tests.fakes.clock import START
from tests.fakes.sender import json_response
from tests.fakes.store import MemoryStore
from tests.fakes.trail import FakeTrail
from tests.fakes.vectors import Vector, difference, load_vectors
from tests.ipc.conftest import Serve
from tests.services.identified import TalkingIssuer, id_token, identified
from tests.services.person import completed, repeated, respond
from tests.services.test_consents import pending
from tests.services.world import (
    WORK,
    World,
    a_bound_grant,
    a_grant,
    refusal,
    token_answer,
)

GONE = AccountName("gone")
LOCAL = "http://127.0.0.1:9400"


def the_store() -> MemoryStore:
    """'work', live, with drive and mail; 'gone', dead."""
    dead = replace(
        a_grant(GONE), state=GrantState.DEAD, ended_because="the issuer revoked it"
    )
    return MemoryStore(a_grant(), dead)


def _issuer(request: HttpRequest) -> HttpResponse:
    """An issuer that agrees to everything."""
    if request.method == "GET":
        return json_response(
            {
                "issuer": LOCAL,
                "authorization_endpoint": f"{LOCAL}/authorize",
                "token_endpoint": f"{LOCAL}/token",
            }
        )
    return token_answer()


async def _as_it_is(world: World) -> None:
    await world.vault.open_at_start()


async def _no_store(world: World) -> None:
    world.door.source = None
    world.store.grants.clear()


async def _locked(world: World) -> None:
    world.door.source, world.door.passphrase = "passphrase", "open sesame"
    await world.vault.open_at_start()


async def _two_ways(world: World) -> None:
    await world.vault.open_at_start()
    world.door.others[2] = "passphrase"


async def _audited(world: World) -> None:
    await _as_it_is(world)
    world.audit = Audit(
        trail=FakeTrail(),
        clock=world.clock,
        looker=Late(lambda: world.looker),
        random=bytes,
    )
    world.audit.attach(world.store)


async def _open_file(world: World) -> None:
    await world.vault.open_at_start()
    fault = FileFacts(path="/state/store.key", fault="is open", is_open=True)
    state = replace(world.premises.state, faults=(fault,))
    world.premises = replace(world.premises, state=state)


async def _two_issuers(world: World) -> None:
    await world.vault.open_at_start()
    acme = IssuerPreset(
        name="acme",
        issuer="https://{org}.acme.example",
        ways=(Way.LOOPBACK, Way.DEVICE),
        redirect_host="localhost",
        redirect_port=18484,
        default_scopes=("openid",),
        origin=PresetOrigin.CONFIG,
    )
    slow = IssuerPreset(
        name="slow",
        issuer="https://slow.example",
        ways=(Way.DEVICE,),
        refused_ways={Way.OOB: "It is blocked. Use --device."},
        note="Be patient.",
    )
    world.presets = {"slow": slow, "acme": acme}


async def _pending(world: World) -> None:
    await world.vault.open_at_start()
    login = await repeated(world)
    del world.logins._logins[login.login_id]
    world.logins._logins["L1"] = login


async def _complete(world: World) -> None:
    await world.vault.open_at_start()
    login = await repeated(world)
    answer = token_answer(refresh_token="r-2", scope="drive openid")
    await completed(world, login, answer)
    world.logins._logins["L2"] = login


async def _refused(world: World) -> None:
    await world.vault.open_at_start()
    login = await repeated(world)
    respond(world, login, "error=access_denied")
    await login.ended.wait()
    world.logins._logins["L3"] = login


async def _gives_all(world: World) -> None:
    await world.vault.open_at_start()
    world.sender.answer_always(token_answer(scope="drive mail"))


async def _bound(world: World) -> None:
    world.store.grants[WORK] = a_bound_grant()
    await world.vault.open_at_start()
    world.sender.answer_always(token_answer(token_type="DPoP"))


async def _identified(world: World) -> None:
    issuer = TalkingIssuer(id_token=id_token())
    world.store.grants[WORK] = identified()
    await world.vault.open_at_start()
    world.sender.answer_always(issuer)


def _device_issuer(request: HttpRequest) -> HttpResponse:
    if request.url.endswith("/device_authorization"):
        return json_response(
            {
                "device_code": "d-1",
                "user_code": "WDJB-MJHT",
                "verification_uri": f"{LOCAL}/device",
                "expires_in": 1800,
            }
        )
    if request.method == "GET":
        metadata = json.loads(_issuer(request).body)
        endpoint = f"{LOCAL}/device_authorization"
        return json_response({**metadata, "device_authorization_endpoint": endpoint})
    return refusal("authorization_pending")


async def _gives_device_codes(world: World) -> None:
    await world.vault.open_at_start()
    world.sender.answer_always(_device_issuer)


def _issuer_of_people(request: HttpRequest) -> HttpResponse:
    if request.method == "GET":
        return _issuer(request)
    return refusal("unsupported_grant_type")


async def _without_robots(world: World) -> None:
    await world.vault.open_at_start()
    world.sender.answer_always(_issuer_of_people)


async def _out_of_reach(world: World) -> None:
    await world.vault.open_at_start()
    world.sender.answer_always(IssuerUnreachableError(issuer=LOCAL, what="no route"))


async def _left(world: World) -> None:
    await _out_of_reach(world)
    await world.accounts.log_out(WORK, LogOutOptions())


async def _issuer_down(world: World) -> None:
    no_route = IssuerUnreachableError(issuer=LOCAL, what="no route")
    await _refresh_meets(world, no_route)


async def _client_rejected(world: World) -> None:
    await _refresh_meets(world, refusal("invalid_client"))


async def _refresh_meets(world: World, outcome: HttpResponse | BrokerError) -> None:
    await world.vault.open_at_start()
    work = world.tokens.key(AccountName("work"), None, None)
    await world.tokens.token(work, Seconds(0))
    await world.clock.advance(Seconds(2000))
    world.sender.answer_always(outcome)
    await world.tokens.token(work, Seconds(2000))


_meanwhile: deque[asyncio.Task[None]] = deque(maxlen=8)
# What a vector says will happen later; a task that nobody holds may vanish.


async def _listened_to(world: World, *deeds: Awaitable[object]) -> None:
    while not world.events.listeners:  # noqa: ASYNC110 - nothing tells of them
        await asyncio.sleep(0)
    for deed in deeds:
        await deed
    world.events.publish(Event(kind=EventKind.STOPPING, at=START.wall))


async def _renewed_then_stopped(world: World) -> None:
    await world.vault.open_at_start()
    key = TokenKey(account=WORK, scopes=None, resource=None)
    deed = world.tokens.token(key, Seconds(0))
    _meanwhile.append(asyncio.create_task(_listened_to(world, deed)))


async def _locked_then_stopped(world: World) -> None:
    await _locked(world)
    _meanwhile.append(asyncio.create_task(_listened_to(world)))


async def _policy(world: World, policy: Policy) -> None:
    await world.vault.open_at_start()
    assert world.vault.opened is not None
    await world.vault.opened.policies.set(policy)


async def _denies_backups(world: World) -> None:
    peer = PeerPattern(unit="backup.service")
    rule = Rule(verdict=Verdict.DENY, account=WORK, peer=peer)
    await _policy(world, Policy(rules=(rule,)))


async def _denies_work(world: World) -> None:
    await _policy(world, Policy(accounts={WORK: Verdict.DENY}))


async def _asks(world: World) -> None:
    await _policy(world, Policy(default=Verdict.ASK))


async def _a_socket(world: World) -> None:
    await world.vault.open_at_start()
    own = Restriction(name=SocketName("ci"), accounts=(WORK,), made_at=UnixTime(0))
    await world.sockets.add(own, None)


async def _no_place(world: World) -> None:
    await world.vault.open_at_start()
    world.doors.unusable.add("ci")


async def _curl_asked(world: World) -> None:
    await world.vault.open_at_start()
    await pending(world)


async def _curl_always(world: World) -> None:
    await _curl_asked(world)
    await world.consents.answer(world.consents.open[0].question_id, Answer.ALWAYS)


ASSUMED: dict[str | None, Callable[[World], Awaitable[None]]] = {
    None: _as_it_is,
    "the policy denies programs of the unit 'backup.service' all of 'work'": (
        _denies_backups
    ),
    "the policy denies every program all of 'work'": _denies_work,
    "the policy asks about every token": _asks,
    "the program /usr/bin/curl, in the terminal pts/3, has asked for a token of "
    "'work': the question 00000001 is open": _curl_asked,
    "curl's question about 'work' was answered with 'always': the answer "
    "00000002": _curl_always,
    "the issuer of 'work' revokes": _as_it_is,
    "the issuer of 'work' can be reached": _as_it_is,
    f"an issuer at {LOCAL}, and a free port 8080": _as_it_is,
    f"an issuer at {LOCAL} that gives device codes": _gives_device_codes,
    "the issuer of 'work' gives no device codes": _as_it_is,
    f"an issuer at {LOCAL} that says unsupported_grant_type": _without_robots,
    "the issuer of 'work' gives all scopes, whatever is asked": _gives_all,
    "'work' has a token that lives; its issuer did not answer the last refresh": (
        _issuer_down
    ),
    "'work' has a token that lives; its issuer did not accept the client at the last "
    "refresh": _client_rejected,
    "the tokens of 'work' are bound to a key of the broker": _bound,
    "'work' was signed in with openid, and has an ID token that lives": _identified,
    "there is no store": _no_store,
    "the store is locked with the passphrase 'open sesame'; "
    "it holds the two accounts": _locked,
    "the store can also be opened with a passphrase: slot 2": _two_ways,
    "the backup YSBiYWNrdXA= is sealed under the passphrase 'horse'": _as_it_is,
    "once somebody listens, the token of 'work' is renewed, and the daemon "
    "stops": _renewed_then_stopped,
    "the store is locked with the passphrase 'open sesame'; it holds the two "
    "accounts; once somebody listens, the daemon stops": _locked_then_stopped,
    "the audit log holds one line, which nobody has changed": _audited,
    "all is well with folders, disk and process": _as_it_is,
    "a file of the state folder can be read by other users": _open_file,
    "the issuer of 'work' is out of reach": _out_of_reach,
    "'work' was signed out of while its issuer was out of reach": _left,
    "two issuers are known by name: 'acme', a template of config.toml, and 'slow', "
    "which refuses to show codes": _two_issuers,
    "the restricted socket 'ci' of 'work' is there": _a_socket,
    "nothing can be made in /srv/gone": _no_place,
    "the login L1 of 'work' is pending": _pending,
    "the login L2 of 'work' is complete, with drive granted, mail not, and openid "
    "on top": _complete,
    "the login L3 of 'work' was refused in the browser": _refused,
}


@pytest.mark.parametrize("vector", load_vectors(), ids=repr)
async def test_the_server_answers_as_the_contract_says(
    vector: Vector, serve: Serve
) -> None:
    world = World(store=the_store())
    world.sender.answer_always(_issuer)
    await ASSUMED[vector.assumes](world)
    served = await serve(world)
    said = await served.ask(
        vector.method, vector.path, raw=vector.content, headers=vector.headers
    )
    if (vector.path, said.status) == ("/v1/token", 200):
        # And again, since by now it is at hand: the front is the one that answers.
        said = await served.ask(
            vector.method, vector.path, raw=vector.content, headers=vector.headers
        )
    assert said.status == vector.status, said.body
    for name, value in vector.reply_headers.items():
        found = {k.lower(): v for k, v in said.headers.items()}[name.lower()]
        assert found.partition(";")[0] == value
    if vector.lines is not None:
        heard = [json.loads(line) for line in said.body.splitlines()]
        assert difference(vector.lines, heard) is None
    elif vector.text is not None:
        assert difference(vector.text, said.body.decode()) is None
    elif vector.reply is None:
        assert said.body == b""
    else:
        assert difference(vector.reply, said.json) is None
