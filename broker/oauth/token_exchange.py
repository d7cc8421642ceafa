"""One token for another (RFC 8693). Knows no sockets and no clock.

Whoever acts for somebody else (`actor_token`) has no place here: the broker acts for
the person alone, and impersonates nobody.
"""

from collections.abc import Mapping, Sequence

from oauthlib.common import add_params_to_qs, urlencode

from broker.model.client import Client
from broker.model.errors import BadRequestError, IssuerMalformedError
from broker.model.http import HttpRequest
from broker.model.issuer import Issuer
from broker.model.secret import Secret
from broker.model.text import safe_text
from broker.model.token import NOT_APPLICABLE
from broker.oauth.client_authentication import authenticated_post
from broker.oauth.grammar import is_vschars
from broker.oauth.token import TokenRefusal, TokenResponse
from broker.oauth.token_request import LONGEST_RESOURCE, parse_resource

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - a name

_TYPES = "urn:ietf:params:oauth:token-type:"

TOKEN_TYPES: Mapping[str, str] = {
    name: _TYPES + name
    for name in ("access_token", "id_token", "jwt", "saml1", "saml2")
}
"""Short names of what can be asked for (section 3); others are written in full. Not a
refresh token: no peer is ever to have one."""

_SHOWN = ("access_token", "jwt", "id_token")
"""What the broker can show of another account, by those names: its access token as one
or as a JWT, or its ID token."""

_OURS = frozenset(
    {
        "subject_token",
        "subject_token_type",
        "requested_token_type",
        "audience",
        "actor_token",
        "actor_token_type",
    }
)
"""Parameters that have a place of their own, or none at all."""

_PRESENTABLE = frozenset({TOKEN_TYPES["access_token"], TOKEN_TYPES["jwt"]})
"""What may come where no type was asked for: what goes into an Authorization header."""


def exchange_request(
    *,
    issuer: Issuer,
    client: Client,
    subject: Secret,
    subject_type: str,
    requested_type: str | None = None,
    scopes: Sequence[str] = (),
    audiences: Sequence[str] = (),
    resource: str | None = None,
    parameters: Mapping[str, str],
) -> HttpRequest:
    """The request that shows one token, for another.

    Args:
        issuer: at whose token endpoint.
        client: who asks; without an id where the endpoint wants to know none
            (section 2.1).
        subject: the token that is shown.
        subject_type: of it, in full.
        requested_type: in full; None to leave it to the issuer.
        scopes: in the order to send them; empty for what the issuer gives by itself.
        audiences: for whom it is to be, by names that the issuer knows.
        resource: where it is to be used, as a URI.
        parameters: more of the request.

    Raises:
        BadRequestError: `resource` is none.

    Source: RFC 8693 section 2.1.
    """
    form: list[tuple[str, str]] = [
        ("grant_type", TOKEN_EXCHANGE),
        ("subject_token", subject.reveal()),
        ("subject_token_type", subject_type),
    ]
    if requested_type is not None:
        form.append(("requested_token_type", requested_type))
    if scopes:
        form.append(("scope", issuer.quirks.scope_separator.join(scopes)))
    form += [("audience", audience) for audience in audiences]
    if resource is not None:
        form.append(("resource", parse_resource(resource)))
    text = add_params_to_qs(urlencode(form), list(parameters.items()))
    if client.client_id:
        return authenticated_post(issuer.token_endpoint, client=client, form=text)
    return HttpRequest(
        method="POST",
        url=issuer.token_endpoint,
        headers={
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
        },
        body=text.encode(),
    )


def subject_type(text: str | None) -> str:
    """What of another account is shown, in full.

    Raises:
        BadRequestError: it can be shown as no such thing.
    """
    name = (text or "access_token").removeprefix(_TYPES)
    if name not in _SHOWN:
        what = f"subject_token_type is one of {', '.join(_SHOWN)}"
        raise BadRequestError(what=what)
    return TOKEN_TYPES[name]


def requested_type(text: str | None) -> str | None:
    """What is asked for, in full; None to leave it to the issuer.

    Raises:
        BadRequestError: it is no type of a token, or a refresh token.
    """
    if text is None:
        return None
    name = text.removeprefix(_TYPES)
    if name in TOKEN_TYPES:
        return TOKEN_TYPES[name]
    is_uri = ":" in text and is_vschars(text) and len(text) <= LONGEST_RESOURCE
    if name == "refresh_token" or not is_uri:
        what = f"requested_token_type is one of {', '.join(TOKEN_TYPES)}, or a URI"
        raise BadRequestError(what=what)
    return text


def check_own(parameters: Mapping[str, str]) -> Mapping[str, str]:
    """More parameters of the request.

    Raises:
        BadRequestError: one has a place of its own.
    """
    taken = sorted(parameters.keys() & _OURS)
    if taken:
        what = f"the parameter {taken[0]} has an option of its own, or is not sent"
        raise BadRequestError(what=what)
    return parameters


def check_issued(
    answer: TokenResponse, *, requested_type: str | None, issuer: str
) -> TokenResponse:
    """The answer, where it is what was asked for.

    Raises:
        IssuerMalformedError: it does not say what it gave, or gave something else.

    Source: RFC 8693 section 2.2.1.
    """
    issued = answer.issued_type
    if issued is None:
        raise _malformed(issuer, "'issued_token_type' is missing")
    wanted = _PRESENTABLE if requested_type is None else {requested_type}
    if issued not in wanted:
        what = f"it gave a token of the type {safe_text(issued)!r}"
        asked = "" if requested_type is None else " and not what was asked for"
        raise _malformed(issuer, what + asked)
    if issued == TOKEN_TYPES["access_token"] and answer.token_type == NOT_APPLICABLE:
        raise _malformed(issuer, "it says no type of the access token that it gave")
    return answer


def is_about_the_subject(refusal: TokenRefusal) -> bool:
    """Whether the token that was shown may be what is wrong.

    Section 2.2.2 says `invalid_request` of that, and of a request that is wrong in any
    other way; many issuers say `invalid_grant`.
    """
    return refusal.error in {"invalid_request", "invalid_grant"}


def _malformed(issuer: str, what: str) -> IssuerMalformedError:
    return IssuerMalformedError(issuer=safe_text(issuer), what=what)
