"""What is recorded of a request that is not for a token. Knows no service.

Of the rest, what changes anything or hands something out; of questions, those that
were denied. What it was about is told by the members that `ROUTES` names, and by no
others: a body may hold a passphrase.
"""

from collections.abc import Mapping

import msgspec

from broker.ipc import web
from broker.ipc.handling import ASKER, Handler
from broker.model.account import AccountName, parse_account_name
from broker.model.audit import AuditEntry, Result, result_of
from broker.model.errors import BadRequestError, BrokerError, NotPermittedError
from broker.model.policy import Operation
from broker.services.interfaces import Recorder


class Told(msgspec.Struct, frozen=True):
    """What the log says of a route.

    Attributes:
        operation: what it is called there.
        shows: names of the path, and members of the body, that say what it was about.
    """

    operation: str
    shows: tuple[str, ...] = ()


_A_SOCKET = (
    *("name", "accounts", "operations", "scopes", "resource", "max_ttl", "rate"),
    *("uses", "expires_in", "confirm", "group", "with_me"),
)

ROUTES = {
    "PUT /v1/accounts/{name}": Told("account.add", ("kind", "issuer")),
    "POST /v1/accounts": Told("account.import", ("issuer",)),
    "POST /v1/accounts/{name}/export": Told("account.export"),
    "DELETE /v1/accounts/{name}": Told("account.log_out"),
    "PUT /v1/default": Told("account.default"),
    "POST /v1/logins": Told("login.begin", ("issuer", "scopes", "resource")),
    "DELETE /v1/logins/{id}": Told("login.cancel"),
    "POST /v1/logins/{id}/response": Told("login.respond"),
    "POST /v1/dpop-proof": Told("dpop_proof"),
    "PUT /v1/policy": Told("policy.set", ("rules", "accounts", "default")),
    "POST /v1/sockets": Told("socket.add", _A_SOCKET),
    "DELETE /v1/sockets/{name}": Told("socket.remove", ("name",)),
    "POST /v1/questions/{id}": Told("consent.answer", ("id", "answer")),
    "DELETE /v1/consents/{id}": Told("consent.revoke", ("id",)),
    "DELETE /v1/consents": Told("consent.revoke_all"),
    "POST /v1/id-token": Told("id_token", ("audience",)),
    "POST /v1/store": Told("store.make", ("key",)),
    "POST /v1/unlock": Told("store.unlock", ("remember",)),
    "POST /v1/lock": Told("store.lock"),
    "POST /v1/slots": Told("key.add", ("key",)),
    "DELETE /v1/slots/{slot}": Told("key.remove", ("slot",)),
    "POST /v1/slots/{slot}/rotate": Told("key.rotate", ("slot",)),
    "POST /v1/data-key/rotate": Told("key.rotate_data_key"),
    "POST /v1/backup": Told("store.backup"),
    "POST /v1/restore": Told("store.restore", ("key",)),
    "POST /v1/stop": Told("daemon.stop"),
}
"""Of every route that does something; another is called by its method and path."""

QUESTIONS = frozenset({"POST /v1/policy/test", "POST /v1/questions/{id}/page"})
"""Routes that change nothing, though they are no GET."""

_SERVED = frozenset({Operation.ID_TOKEN, Operation.DPOP_PROOF})

_Members = Mapping[str, msgspec.Raw]


def recorded(
    recorder: Recorder, operation: Operation, route: str, handler: Handler
) -> Handler:
    """`handler`, with an entry of the log for what it does.

    Args:
        recorder: takes the entry.
        operation: what a peer must be permitted for it.
        route: such as 'POST /v1/lock'.
        handler: that does it.
    """
    is_question = route.startswith("GET ") or route in QUESTIONS
    done = Result.SERVED if operation in _SERVED else Result.DONE

    async def recording(request: web.Request) -> web.StreamResponse:
        try:
            response = await handler(request)
        except BrokerError as exc:
            # That an account is not there, or the store locked, is no one's attempt
            # at anything; that a peer may not ask is.
            if not is_question or isinstance(exc, NotPermittedError):
                recorder.record(_of_error(await _entry(recorder, request, route), exc))
            raise
        if not is_question:
            entry = await _entry(recorder, request, route, is_done=True)
            recorder.record(_of_answer(entry, done, response))
        return response

    return recording


async def _entry(
    recorder: Recorder, request: web.Request, route: str, *, is_done: bool = False
) -> AuditEntry:
    """What was asked for; of what was not done, the path alone says what it meant."""
    asker, told = request[ASKER], ROUTES.get(route, Told(route))
    names, body = request.get(web.NAMES, {}), await _members(request)
    shown = [f"{name}={names[name]}" for name in told.shows if name in names]
    if is_done:
        shown += [f"{n}={_words(body[n])}" for n in told.shows if n in body]
    named = names.get("name") if "/accounts/{name}" in route else None
    return AuditEntry(
        operation=told.operation,
        result=Result.DONE,
        socket=asker.socket.name,
        peer=recorder.facts(asker.connected, asker.peer),
        account=_account(body) if named is None else _account_name(named),
        detail=" ".join(shown) or None,
    )


def _of_error(entry: AuditEntry, error: BrokerError) -> AuditEntry:
    said = [entry.detail, error.what if isinstance(error, NotPermittedError) else None]
    return msgspec.structs.replace(
        entry,
        result=result_of(error),
        code=error.code,
        detail=" ".join(filter(None, said)) or None,
    )


def _of_answer(
    entry: AuditEntry, result: Result, response: web.StreamResponse
) -> AuditEntry:
    """Whoever is served may not have named the account: the answer does."""
    account = entry.account
    if result is Result.SERVED and account is None:
        body = response.body if isinstance(response, web.Response) else None
        account = _account(_parsed(body)) if isinstance(body, bytes) else None
    return msgspec.structs.replace(entry, result=result, account=account)


async def _members(request: web.Request) -> _Members:
    """Of the body of a request that is known here; none of them is looked into yet."""
    if web.NAMES not in request or not request.content_length:
        return {}
    return _parsed(await request.read())


def _parsed(body: bytes) -> _Members:
    try:
        return msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}


def _account(body: _Members) -> AccountName | None:
    """Whose it is about, where it is named as accounts are named."""
    try:
        return _account_name(msgspec.json.decode(body.get("account", b""), type=str))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _account_name(text: str) -> AccountName | None:
    try:
        return parse_account_name(text)
    except BadRequestError:
        return None


def _words(raw: msgspec.Raw) -> str:
    """A member for people: 'x', 'a,b', 7, or else its JSON; it has been understood."""
    value = msgspec.json.decode(raw)
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ",".join(value)
    return msgspec.json.encode(value).decode()
