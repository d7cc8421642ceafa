"""What a token endpoint answers. Knows no sockets and no clock."""

import msgspec
from msgspec.structs import replace

from broker.model.http import HttpResponse
from broker.model.issuer import Quirks
from broker.model.secret import Secret
from broker.model.text import safe_text
from broker.model.time import Seconds
from broker.model.token import BEARER, DPOP, NOT_APPLICABLE, Scopes
from broker.oauth.faults import transport_fault, wanted_wait
from broker.oauth.grammar import is_scope_token, is_token
from broker.oauth.members import Members, parse_members

MAX_TOKEN_CHARACTERS = 65536
"""RFC 6749 sets no bound; longer ones fit into no header line."""

NO_QUIRKS = Quirks()


class TokenResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What the token endpoint gave (RFC 6749 section 5.1).

    Attributes:
        access_token: one word of printable ASCII.
        token_type: `BEARER` or `DPOP`, however the issuer spelled it.
        expires_in: seconds of life, 0 included; None where the issuer says nothing.
        refresh_token: None where the issuer gave none (this time).
        refresh_expires_in: seconds of life of the refresh token, where it says so.
        scopes: what was granted; None where it is what was asked for.
        id_token: not yet looked at.
        issued_type: of what `access_token` is, where a token was exchanged (RFC 8693).
    """

    access_token: Secret
    token_type: str
    expires_in: Seconds | None
    refresh_token: Secret | None
    refresh_expires_in: Seconds | None
    scopes: Scopes | None
    id_token: Secret | None
    issued_type: str | None = None


class TokenRefusal(msgspec.Struct, frozen=True, kw_only=True):
    """What the token endpoint refused (RFC 6749 section 5.2), safe to show.

    Attributes:
        status: 400, 401 ..., or 200 of an issuer that cannot say no.
        error: such as 'invalid_grant'.
        description: the issuer's words; may be empty.
        subtype: Google's `error_subtype` or Microsoft's `suberror`, or None.
        retry_after: seconds, where the issuer said them, or None.
    """

    status: int
    error: str
    description: str
    subtype: str | None
    retry_after: int | None = None


def parse_token_response(
    response: HttpResponse,
    *,
    issuer: str,
    quirks: Quirks = NO_QUIRKS,
    is_bound: bool = False,
    is_exchange: bool = False,
) -> TokenResponse | TokenRefusal:
    """What the token endpoint said.

    Args:
        response: status, headers and body as they came.
        issuer: the issuer URL, for the errors.
        quirks: of this issuer.
        is_bound: whether a token that is bound to a key was asked for (RFC 9449).
        is_exchange: whether one token was shown for another, of any kind (RFC 8693).

    Raises:
        IssuerOverloadedError: 429 or 503.
        IssuerUnreachableError: any other 5xx, a redirect, a proxy or a captive portal
            in between (407, 511): the issuer itself said nothing.
        IssuerMalformedError: a web page, not an object, a missing or wrong member. The
            grant may well be alive.
    """
    answer = parse_answer(response, issuer=issuer, what="its token answer")
    if isinstance(answer, TokenRefusal):
        return answer
    own = _of_the_person(answer, quirks)
    if is_exchange and own.required_text("token_type").upper() == NOT_APPLICABLE:
        return _parse_success(own, NOT_APPLICABLE)
    return _parse_success(own, _token_type(own, quirks, is_bound=is_bound))


def parse_answer(
    response: HttpResponse, *, issuer: str, what: str
) -> Members | TokenRefusal:
    """The members of a good answer to a client, or what was refused.

    Args:
        response: status, headers and body as they came.
        issuer: the issuer URL, for the errors.
        what: what it should be, such as 'its token answer'.

    Raises:
        The errors of `parse_token_response`.
    """
    issuer = safe_text(issuer)
    fault = transport_fault(response, issuer)
    if fault is not None:
        raise fault
    members = parse_members(response.body, issuer=issuer, what=what)
    # Looked at before the status: GitHub refuses with 200.
    if _error(members) is not None:
        refusal = _parse_refusal(members, response.status)
        return replace(refusal, retry_after=wanted_wait(response))
    if not _is_success(response.status):
        raise members.malformed(f"status {response.status} without an error code")
    return members


def _of_the_person(members: Members, quirks: Quirks) -> Members:
    """The object that holds the person's tokens: Slack puts a bot's at the top."""
    if quirks.token_member is None:
        return members
    inner = members.object(quirks.token_member)
    if inner is None or inner.find("access_token") is None:
        return members
    return inner


def _parse_success(members: Members, token_type: str) -> TokenResponse:
    access_token = _token(members, "access_token")
    if access_token is None:
        raise members.malformed("'access_token' is missing")
    return TokenResponse(
        access_token=access_token,
        token_type=token_type,
        expires_in=members.seconds("expires_in"),
        refresh_token=_token(members, "refresh_token"),
        refresh_expires_in=_refresh_life(members),
        scopes=_scopes(members),
        id_token=_token(members, "id_token"),
        issued_type=members.text("issued_token_type"),
    )


def _token_type(members: Members, quirks: Quirks, *, is_bound: bool) -> str:
    """The type that was asked for, and no other.

    RFC 6749 section 7.1: a token of unknown type must not be used. RFC 9449 section 5:
    a Bearer token in the place of a bound one is of use to whoever steals it.
    """
    said = members.required_text("token_type")
    if is_bound and said.lower() == DPOP.lower():
        return DPOP
    if is_bound:
        what = f"token_type {safe_text(said)!r}, though a bound token was asked for"
        raise members.malformed(what)
    if said.lower() not in (BEARER.lower(), *quirks.bearer_names):
        raise members.malformed(f"unknown token_type {safe_text(said)!r}")
    return BEARER


def _parse_refusal(members: Members, status: int) -> TokenRefusal:
    error = _error(members)
    if isinstance(error, dict):
        # The shape of Google's APIs: {"error": {"status": …, "code": …, "message": …}}
        return TokenRefusal(
            status=status,
            error=_shown(error.get("status") or error.get("code")) or "unknown",
            description=_shown(error.get("message")),
            subtype=None,
        )
    if not isinstance(error, str):
        raise members.malformed("'error' is not a string")
    subtype = _shown(members.find("error_subtype") or members.find("suberror"))
    return TokenRefusal(
        status=status,
        error=_shown(error),
        description=_shown(members.find("error_description")),
        subtype=subtype or None,
    )


def _error(members: Members) -> object:
    # Google's device endpoint has its own name for it where it is asked too often.
    error = members.find("error")
    return members.find("error_code") if error is None else error


def _shown(value: object) -> str:
    """For people: a description of a wrong type is no reason to lose the error."""
    return safe_text(str(value)) if isinstance(value, str | int) else ""


def _is_success(status: int) -> bool:
    # RFC 6749 says 200; some issuers say 201 of a token that they have made.
    return status in (200, 201)


def _token(members: Members, name: str) -> Secret | None:
    value = members.text(name)
    if not value:
        return None
    if len(value) > MAX_TOKEN_CHARACTERS or not is_token(value):
        raise members.malformed(f"'{name}' is not one word of printable ASCII")
    return Secret(value)


def _refresh_life(members: Members) -> Seconds | None:
    google = members.seconds("refresh_token_expires_in")
    if google is not None:
        return google
    # Keycloak's name for it; its 0 means that the token does not expire.
    return members.seconds("refresh_expires_in") or None


def _scopes(members: Members) -> Scopes | None:
    """Split at spaces (RFC 6749 section 3.3); where there are none, at commas.

    GitHub separates by commas. A comma is also a character of a scope, so it splits
    only an answer that has no space; no issuer is known to name a single scope with
    a comma in it.
    """
    text = members.text("scope")
    if text is None:
        return None
    text = text.strip(" ")
    scopes = text.split(" " if " " in text else ",")
    named = frozenset(scope for scope in scopes if scope)
    if not all(is_scope_token(scope) for scope in named):
        raise members.malformed("'scope' has characters that no scope has")
    return named
