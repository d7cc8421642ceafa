"""The authorization request (RFC 6749 section 4.1.1), to which the browser is sent.

Knows no browser and no listener. What comes back is `oauth/authorization_response.py`.
"""

from collections.abc import Collection, Mapping, Sequence

from oauthlib.common import add_params_to_uri

from broker.model.client import Client
from broker.model.errors import BadRequestError
from broker.model.issuer import Issuer, IssuerPreset, Quirks
from broker.model.redirect import ResponseMode
from broker.model.secret import Secret
from broker.model.text import safe_text
from broker.oauth.dpop import thumbprint
from broker.oauth.grammar import is_scope_token, is_vschars

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


AuthorizationRequest = Sequence[tuple[str, str]]


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
