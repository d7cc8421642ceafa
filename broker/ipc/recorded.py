"""What is recorded of a request that is not for a token. Knows no service.

Of the rest, what changes anything or hands something out; of questions, those that
were refused.
"""

import msgspec

from broker.ipc import web
from broker.ipc.handling import ASKER, Handler
from broker.model.account import AccountName, parse_account_name
from broker.model.audit import AuditEntry, Result
from broker.model.errors import BadRequestError, BrokerError, NotPermittedError
from broker.model.policy import Operation
from broker.services.interfaces import Recorder

NAMES = {
    "PUT /v1/accounts/{name}": "account.add",
    "POST /v1/accounts": "account.import",
    "POST /v1/accounts/{name}/export": "account.export",
    "DELETE /v1/accounts/{name}": "account.log_out",
    "PUT /v1/default": "account.default",
    "POST /v1/logins": "login.begin",
    "DELETE /v1/logins/{id}": "login.cancel",
    "POST /v1/logins/{id}/response": "login.respond",
    "POST /v1/dpop-proof": "dpop_proof",
    "PUT /v1/policy": "policy.set",
    "POST /v1/sockets": "socket.add",
    "DELETE /v1/sockets/{name}": "socket.remove",
    "POST /v1/questions/{id}": "consent.answer",
    "DELETE /v1/consents/{id}": "consent.revoke",
    "DELETE /v1/consents": "consent.revoke_all",
    "POST /v1/id-token": "id_token",
    "POST /v1/store": "store.make",
    "POST /v1/unlock": "store.unlock",
    "POST /v1/lock": "store.lock",
    "POST /v1/slots": "key.add",
    "DELETE /v1/slots/{slot}": "key.remove",
    "POST /v1/slots/{slot}/rotate": "key.rotate",
    "POST /v1/data-key/rotate": "key.rotate_data_key",
    "POST /v1/backup": "store.backup",
    "POST /v1/restore": "store.restore",
    "POST /v1/stop": "daemon.stop",
}
"""The operation that a route is in the log; the route itself where it is not here."""

QUESTIONS = frozenset({"POST /v1/policy/test", "POST /v1/questions/{id}/page"})
"""Routes that change nothing, though they are no GET."""

OF_SOCKETS = "socket."
"""How the names of what is about a socket begin, and not about an account."""

_SERVED = frozenset({Operation.ID_TOKEN, Operation.DPOP_PROOF})


class _Named(msgspec.Struct):
    account: str | None = None


class _SocketNamed(msgspec.Struct):
    name: str
    accounts: list[str]


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
    name = NAMES.get(route, route)
    is_question = route.startswith("GET ") or route in QUESTIONS
    done = Result.SERVED if operation in _SERVED else Result.DONE

    async def recording(request: web.Request) -> web.StreamResponse:
        try:
            response = await handler(request)
        except BrokerError as exc:
            # That an account is not there, or the store locked, is no one's attempt
            # at anything; that a peer may not ask is.
            if not is_question or isinstance(exc, NotPermittedError):
                await _record(recorder, request, name, Result.REFUSED, exc)
            raise
        if not is_question:
            await _record(recorder, request, name, done, None)
        return response

    return recording


async def _record(
    recorder: Recorder,
    request: web.Request,
    name: str,
    result: Result,
    error: BrokerError | None,
) -> None:
    asker = request[ASKER]
    is_of_socket = name.startswith(OF_SOCKETS)
    detail = await _socket_of(request) if is_of_socket else None
    recorder.record(
        AuditEntry(
            operation=name,
            result=result,
            socket=asker.socket.name,
            peer=recorder.facts(asker.connected, asker.peer),
            account=None if is_of_socket else await _account_of(request),
            code=None if error is None else error.code,
            detail=error.what if isinstance(error, NotPermittedError) else detail,
        )
    )


async def _socket_of(request: web.Request) -> str | None:
    """Which socket it is about, and of one that is made, for whose tokens."""
    named = request.match_info.get("name")
    if named is not None:
        return named
    try:
        made = msgspec.json.decode(await request.read(), type=_SocketNamed)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return f"{made.name} for {', '.join(made.accounts)}"


async def _account_of(request: web.Request) -> AccountName | None:
    """Whose account it is about, where the request names one as accounts are named."""
    named = request.match_info.get("name")
    try:
        if named is None and request.content_length:
            body = await request.read()
            named = msgspec.json.decode(body, type=_Named).account
        return None if named is None else parse_account_name(named)
    except (msgspec.MsgspecError, BadRequestError, UnicodeDecodeError, RecursionError):
        return None
