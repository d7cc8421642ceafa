"""Requests and replies on the socket, as typed values. Pure: no network, no clock.

The shapes are those of clients/PROTOCOL.md.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec

from broker.model.account import AccountName, parse_account_name
from broker.model.errors import BadRequestError
from broker.model.grant import Grant, GrantState
from broker.model.log_out import LogOutOptions
from broker.model.strict_json import parse_json
from broker.model.text import safe_text
from broker.model.time import Seconds
from broker.model.token import BEARER, Scopes
from broker.model.unattended import kind_of, parent_of
from broker.oauth.token_request import parse_resource
from broker.services.circuit import Outage
from broker.services.served import USUAL_WAIT, TokenServed, TokenWanted
from broker.services.skew import Skew

if TYPE_CHECKING:
    # Imported at the first log-out, see `RareServices`.
    from broker.services.accounts import LogOut
    from broker.services.leaver import Leaving

JSON = "application/json"
PROBLEM = "application/problem+json"
PLAIN_TEXT = "text/plain"

LONGEST_WAIT = 600.0
"""Seconds for a person's answer; who waits longer asks again."""

LONGEST_MIN_TTL = 86400.0
"""Seconds; no access token that anyone hands out lives longer by much."""

_ENCODER = msgspec.json.Encoder()
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,512}")  # RFC 6749 section 3.3


# Unknown members are refused: a misspelt `scope` must not yield a wider token.
class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a request: only what is known, and nothing of it in a repr."""

    def __repr__(self) -> str:  # members are secrets, or what a peer made of them
        return f"<{type(self).__name__}>"

    def __rich_repr__(self) -> list[tuple[str, object]]:  # rich asks this one
        return []


class TokenBody(Request, frozen=True):
    """`POST /v1/token`."""

    account: str | None = None
    scopes: list[str] | None = None
    resource: str | None = None
    min_ttl: float = 0.0
    rejected: str | None = None
    wait: float = USUAL_WAIT


class DefaultBody(Request, frozen=True):
    """`PUT /v1/default`."""

    account: str | None


_Body = TypeVar("_Body", bound=Request)


def parse_body(data: bytes, kind: type[_Body]) -> _Body:
    """A request body as a value, whatever Content-Type said (curl -d says a form's).

    Raises:
        BadRequestError: not JSON, a key twice, an unknown member, a wrong type. The
            message names the member, made safe to show, and never its value.
    """
    try:
        return msgspec.convert(parse_json(data), kind, strict=True)
    except (msgspec.ValidationError, ValueError) as exc:
        raise BadRequestError(what=safe_text(str(exc))) from None


def is_digest(text: str) -> bool:
    """Whether `text` names a token: its SHA-256 in lower-case hex."""
    return _DIGEST.fullmatch(text) is not None


def token_wanted(body: TokenBody) -> TokenWanted:
    """The request for a token.

    Raises:
        BadRequestError: a member is out of its range.
    """
    min_ttl = parse_min_ttl(body.min_ttl)
    if body.rejected is not None and not is_digest(body.rejected):
        raise BadRequestError(what="rejected is a SHA-256 in 64 lower-case hex digits")
    if body.scopes is not None and not body.scopes:
        raise BadRequestError(what="scopes names one scope at least, or is left out")
    if not 0 <= body.wait <= LONGEST_WAIT:
        raise BadRequestError(what="wait is a number of seconds from 0 to 600")
    scopes = None if body.scopes is None else frozenset(parse_scopes(body.scopes))
    return TokenWanted(
        account=_account(body.account),
        scopes=scopes,
        resource=parse_resource(body.resource) if body.resource else None,
        min_ttl=min_ttl,
        rejected=body.rejected,
        wait=Seconds(body.wait),
    )


def parse_min_ttl(seconds: float) -> Seconds:
    """The seconds of life that a peer needs, checked.

    Raises:
        BadRequestError: out of range.
    """
    if not 0 <= seconds <= LONGEST_MIN_TTL:
        raise BadRequestError(what="min_ttl is a number of seconds from 0 to 86400")
    return Seconds(seconds)


def token_answer(served: TokenServed, accept: str) -> tuple[dict[str, str], bytes]:
    """The headers and the body of `POST /v1/token`'s answer.

    Args:
        served: the token.
        accept: the request's header; '' where it has none.
    """
    if is_plain_text(accept):
        kind = {"Content-Type": f"{PLAIN_TEXT}; charset=utf-8"}
        return kind | token_headers(served), served.token.value.reveal().encode()
    return {"Content-Type": JSON}, token_reply(served)


def is_plain_text(accept: str) -> bool:
    """Whether the bare token is wanted."""
    return accept.startswith(PLAIN_TEXT)


def token_reply(served: TokenServed) -> bytes:
    """JSON of a token."""
    token = served.token
    reply: dict[str, object] = {
        "access_token": token.value.reveal(),
        "token_type": token.token_type,
        "expires_at": token.expires_at,
        "scopes": sorted(token.scopes),
        "account": served.account,
    }
    if served.extra_scopes:
        reply["extra_scopes"] = sorted(served.extra_scopes)
    if served.outage is not None:
        reply["issuer_down"] = outage_reply(served.outage)
    return _ENCODER.encode(reply)


def skew_reply(skew: Skew) -> dict[str, object]:
    """An issuer whose clock is not ours, in `GET /v1/status`."""
    return {"issuer": skew.issuer, "ahead": skew.ahead}


def token_headers(served: TokenServed) -> dict[str, str]:
    """What a bare token cannot say.

    A peer may hand it on as the narrow one, or send it as what it is not.
    """
    headers = {}
    if served.extra_scopes:
        headers["Extra-Scopes"] = " ".join(sorted(served.extra_scopes))
    if served.token.token_type != BEARER:
        headers["Token-Type"] = served.token.token_type
    return headers


def outage_reply(outage: Outage) -> dict[str, object]:
    """An issuer that is down, beside a token of it."""
    return {
        "issuer": outage.issuer,
        "since": outage.since,
        "until": outage.until,
        "reason": outage.reason,
    }


def issuer_reply(outage: Outage) -> dict[str, object]:
    """An issuer that something is to be told of, in `GET /v1/status`."""
    if outage.client_id is None:
        return {**outage_reply(outage), "state": "down"}
    rejects = {"state": "client_rejected", "client_id": outage.client_id}
    return {**outage_reply(outage), **rejects}


def account_reply(grant: Grant, *, is_default: bool) -> dict[str, object]:
    """One account of `GET /v1/accounts`."""
    account = grant.account
    return {
        "account": account.name,
        "issuer": account.issuer.url,
        "client_id": account.client.client_id,
        "resource": account.resource,
        "state": grant.state.value,
        "scopes": sorted(grant.scopes),
        "subject": grant.subject,
        "name": grant.person.name if grant.person else None,
        "email": grant.person.email if grant.person else None,
        "granted_at": grant.granted_at,
        "refreshable": grant.state is GrantState.LIVE and grant.is_renewable,
        "default": is_default,
        "ended_because": grant.ended_because,
        "unattended": None if grant.unattended is None else kind_of(grant.unattended),
        "from": parent_of(grant.unattended),
    }


def account_elsewhere(grant: Grant, most: Scopes | None) -> dict[str, object]:
    """One account of `GET /v1/accounts` on a restricted socket.

    Of what was granted its peers learn no more than they may have, and of what a view
    is made of, nothing.
    """
    is_derived = parent_of(grant.unattended) is not None
    scopes = grant.scopes if most is None else grant.scopes & most
    reply = {**account_reply(grant, is_default=False), "scopes": sorted(scopes)}
    return {**reply, "from": None, "ended_because": None} if is_derived else reply


def log_out_reply(done: "LogOut") -> dict[str, object]:
    """Answer of `DELETE /v1/accounts/NAME`."""
    return {
        "account": done.account,
        "revoked": done.revoked,
        "pending": done.pending,
        "left": list(done.left),
        "end_session_url": done.end_session_url,
    }


def log_out_options(query: Mapping[str, str]) -> LogOutOptions:
    """How a person logs out, from the query of `DELETE /v1/accounts/NAME`.

    Raises:
        BadRequestError: as `parse_flags`; or two that exclude each other.
    """
    flags = parse_flags(query, "local_only", "keep_sign_in", "require_revoked")
    if flags["local_only"] and flags["require_revoked"]:
        what = "local_only asks nobody to revoke, so require_revoked cannot be met"
        raise BadRequestError(what=what)
    return LogOutOptions(**flags)


def leaving_reply(leaving: "Leaving") -> dict[str, object]:
    """One grant of `GET /v1/accounts` that is still to be revoked."""
    return {
        "account": leaving.account,
        "issuer": leaving.issuer,
        "since": leaving.since,
        "next_try": leaving.next_try,
        "reason": leaving.what,
    }


def parse_flags(query: Mapping[str, str], *names: str) -> dict[str, bool]:
    """The flags of a query: each absent, 'true' or 'false'.

    Raises:
        BadRequestError: anything else, a name twice, or one that is unknown: a
            misspelt `local_only` must not revoke.
    """
    if len(query) != len(set(query)) or not set(query) <= set(names):
        raise BadRequestError(what=f"the query takes {' and '.join(names)}, once each")
    if not set(query.values()) <= {"true", "false"}:
        raise BadRequestError(what="a flag in the query is true or false")
    return {name: query.get(name) == "true" for name in names}


def _account(name: str | None) -> AccountName | None:
    return None if name is None else parse_account_name(name)


def parse_scopes(scopes: Sequence[str]) -> Sequence[str]:
    """The scopes, checked.

    Raises:
        BadRequestError: one is no scope token (RFC 6749 section 3.3).
    """
    if not all(_SCOPE.fullmatch(scope) for scope in scopes):
        raise BadRequestError(
            what="a scope has no spaces, quotes or control characters"
        )
    return scopes
