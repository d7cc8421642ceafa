"""The authorization request and its response (RFC 6749 section 4.1, RFC 9207).

Knows no browser and no listener.
"""

from collections.abc import Collection, Mapping, Sequence
from urllib.parse import parse_qsl

import msgspec
from oauthlib.common import add_params_to_uri

from broker.model.client import Client
from broker.model.errors import BadRequestError
from broker.model.issuer import Issuer, IssuerPreset, Quirks
from broker.model.redirect import ResponseMode
from broker.model.secret import Secret
from broker.model.text import safe_text
from broker.oauth.dpop import thumbprint
from broker.oauth.grammar import is_scope_token, is_vschars

MAX_RESPONSE_CHARACTERS = 16384
"""Of the query string; the longest codes there are have some 2,000."""

_MAX_RESPONSE_PARAMETERS = 64

# What makes the login safe, or where its answer goes. `request` and `request_uri`
# would replace all the others (RFC 9101 section 6.3).
_RESERVED = frozenset(
    {
        "client_id",
        "code_challenge",
        "code_challenge_method",
        "dpop_jkt",
        "nonce",
        "redirect_uri",
        "request",
        "request_uri",
        "response_mode",
        "response_type",
        "scope",
        "state",
    }
)


class CodeResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The person agreed; the code is to be spent once."""

    code: Secret


class RefusedResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The person, or the issuer, said no.

    Attributes:
        error: such as 'access_denied', made safe to show.
        description: the issuer's words, made safe to show; may be empty.
    """

    error: str
    description: str


class BrokenResponse(msgspec.Struct, frozen=True, kw_only=True):
    """It belongs to this login, but cannot be trusted: the login is over.

    Attributes:
        reason: the end of a sentence about the response, safe to show.
    """

    reason: str


class StrayResponse(msgspec.Struct, frozen=True, kw_only=True):
    """It does not belong to this login: it must not end it."""


AuthorizationRequest = Sequence[tuple[str, str]]

AuthorizationResponse = CodeResponse | RefusedResponse | BrokenResponse | StrayResponse


def request_parameters(
    *,
    preset: IssuerPreset | None,
    scopes: Sequence[str],
    person: Mapping[str, str],
    has_signed_in_before: bool,
    login_hint: str | None,
) -> Mapping[str, str]:
    """The extra parameters of an authorization request.

    Consent is asked for again only where no refresh token would come otherwise: of
    a known issuer at every login but the first, as its preset says; of an unknown
    one where `offline_access` is asked (OpenID Connect Core 1.0 section 11). A known
    issuer's own rule goes first: at Microsoft `prompt=consent` would lock out
    whoever may not consent for himself.

    Args:
        preset: what is known of the issuer, or None.
        scopes: what is asked for.
        person: the person's own parameters; nothing overrides them.
        has_signed_in_before: whether the account had a grant of this client before.
        login_hint: who is expected to sign in, or None.
    """
    parameters: dict[str, str] = {}
    if preset is not None:
        parameters.update(preset.parameters)
        if has_signed_in_before:
            parameters.update(preset.consent_parameters)
    elif "offline_access" in scopes:
        parameters["prompt"] = "consent"
    if login_hint is not None:
        quirks = Quirks() if preset is None else preset.quirks
        parameters[quirks.login_hint_parameter] = login_hint
    return {**parameters, **person}


def authorization_request(
    *,
    issuer: Issuer,
    client: Client,
    redirect_uri: str,
    scopes: Sequence[str],
    state: Secret,
    nonce: Secret | None,
    challenge: str,
    parameters: Mapping[str, str],
    mode: ResponseMode = ResponseMode.QUERY,
    dpop_key: Secret | None = None,
    resource: str | None = None,
) -> AuthorizationRequest:
    """The parameters of an authorization request. `state` is in them: never log them.

    Args:
        issuer: endpoints checked.
        client: who asks.
        redirect_uri: where the response is awaited.
        scopes: in the person's order; none leaves the parameter out.
        state: 256 bits, for this login alone.
        nonce: where an ID token is expected (OpenID Connect Core 1.0 section 3.1.2.1).
        challenge: from `code_challenge`.
        parameters: from `request_parameters`.
        mode: how the browser is to bring the response.
        dpop_key: what the code is to be bound to, or None (RFC 9449 section 10).
        resource: the only one that the tokens are to be for, or None.

    Raises:
        BadRequestError: a client id, secret or scope that none can be, a parameter
            that is not the person's to choose, or a mode that the issuer has not.

    Source: RFC 6749 section 4.1.1, RFC 7636 section 4.3, RFC 8707 section 2.1.
    """
    if resource is not None and "resource" in parameters:
        raise BadRequestError(what="this sign-in is for one resource, and has it named")
    check_request(issuer, client, scopes, parameters)
    _check_mode(mode, issuer)
    # oauthlib's prepare_grant_uri refuses every http issuer, loopback too, and its
    # default method is plain; the encoding below is the same function it uses.
    quirks = issuer.quirks
    scope = quirks.scope_separator.join(scopes)
    return (
        ("response_type", "code"),
        ("client_id", client.client_id),
        ("redirect_uri", redirect_uri),
        *([(quirks.scope_parameter, scope)] if scope else []),
        ("state", state.reveal()),
        *([("nonce", nonce.reveal())] if nonce is not None else []),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
        *_response_mode(mode),
        *([("dpop_jkt", thumbprint(dpop_key))] if dpop_key is not None else []),
        *([("resource", resource)] if resource is not None else []),
        *parameters.items(),
    )


def authorization_url(issuer: Issuer, parameters: AuthorizationRequest) -> str:
    """The URL that the browser is sent to.

    Args:
        issuer: endpoints checked; the endpoint's own query is kept.
        parameters: from `authorization_request`, or what stands for them.
    """
    return add_params_to_uri(issuer.authorization_endpoint, parameters)


def check_request(
    issuer: Issuer,
    client: Client,
    scopes: Sequence[str],
    parameters: Mapping[str, str],
) -> None:
    """Every login begins here, so that no request has to fear odd words.

    Raises:
        BadRequestError: a client id, secret or scope that none can be, or a
            parameter that is not the person's to choose.
    """
    _check_client(client)
    _check_scopes(scopes)
    _check_parameters(parameters, reserved=_RESERVED | {issuer.quirks.scope_parameter})


def parse_authorization_response(
    query: str, *, state: Secret, issuer: Issuer
) -> AuthorizationResponse:
    """What arrived at the redirect URI. Never raises, whatever came.

    `state` goes before everything else: any page on the web can make a browser
    call the redirect URI with an `error`, and must not end the login by it.

    Args:
        query: the raw query string, without '?', or the raw form, as the browser
            sent it.
        state: of the authorization request.
        issuer: to whom the browser was sent.

    Source: RFC 6749 sections 4.1.2 and 3.1, RFC 9207 section 2.4.
    """
    pairs = _parse_query(query)
    states = [value for name, value in pairs if name == "state"]
    if len(states) != 1 or not _is_equal(states[0], state):
        return StrayResponse()
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        return BrokenResponse(reason="a parameter stands in it twice")
    # RFC 6749 section 3.1: a parameter without a value counts as left out.
    return _parse_own({name: value for name, value in pairs if value}, issuer)


def _parse_own(parameters: Mapping[str, str], issuer: Issuer) -> AuthorizationResponse:
    """A response whose state is this login's."""
    fault = _issuer_fault(parameters.get("iss"), issuer)
    if fault is not None:
        return BrokenResponse(reason=fault)
    if "response" in parameters:
        return BrokenResponse(reason="it is a JWT (JARM), which was not asked for")
    if "error" in parameters:
        return RefusedResponse(
            error=safe_text(parameters["error"]),
            description=safe_text(parameters.get("error_description", "")),
        )
    code = parameters.get("code")
    if code is None:
        return BrokenResponse(reason="it has neither a code nor an error")
    if not is_vschars(code):
        return BrokenResponse(reason="its code has characters that no code has")
    return CodeResponse(code=Secret(code))


def _issuer_fault(iss: str | None, issuer: Issuer) -> str | None:
    """Mix-up: the response of another issuer than was asked (RFC 9207 section 2.4)."""
    if iss is None:
        return "it does not name its issuer" if issuer.response_iss else None
    if iss != issuer.url:
        return f"it comes from another issuer, {safe_text(iss)!r}"
    return None


def _parse_query(query: str) -> list[tuple[str, str]]:
    """Pairs, or none at all where the query is too long to be looked at."""
    if len(query) > MAX_RESPONSE_CHARACTERS:
        return []
    try:
        return parse_qsl(
            query,
            keep_blank_values=True,
            errors="replace",
            max_num_fields=_MAX_RESPONSE_PARAMETERS,
        )
    except ValueError:  # too many parameters
        return []


def _is_equal(value: str, state: Secret) -> bool:
    # Our own state is ASCII; a lone surrogate in a forged one has no bytes to compare.
    return value.isascii() and Secret(value) == state


def _check_client(client: Client) -> None:
    secret = client.client_secret
    if not is_vschars(client.client_id):
        raise BadRequestError(what="a client id is made of printable ASCII characters")
    if secret is not None and not is_vschars(secret.reveal()):
        raise BadRequestError(
            what="a client secret is made of printable ASCII characters"
        )


def _check_scopes(scopes: Sequence[str]) -> None:
    for scope in scopes:
        if not is_scope_token(scope):
            raise BadRequestError(what=f"{safe_text(scope)!r} cannot be a scope")


def _response_mode(mode: ResponseMode) -> list[tuple[str, str]]:
    # Left out where it is the default: not every issuer knows the parameter.
    return [] if mode is ResponseMode.QUERY else [("response_mode", mode.value)]


def _check_mode(mode: ResponseMode, issuer: Issuer) -> None:
    modes = issuer.response_modes
    if modes is not None and mode.value not in modes:
        raise BadRequestError(
            what=f"the issuer has no response mode {mode.value}; it has "
            + safe_text(", ".join(modes))
        )


def _check_parameters(
    parameters: Mapping[str, str], *, reserved: Collection[str]
) -> None:
    for name, value in parameters.items():
        if name in reserved:
            raise BadRequestError(what=f"the parameter {name!r} is the broker's own")
        if not name or not (name + value).isprintable():
            raise BadRequestError(
                what=f"the parameter {safe_text(name)!r} has characters "
                "that cannot be sent"
            )
