"""oauthlib's endpoints, put together strictly: S256 only, no guessing."""

import logging
import re

import msgspec
from msgspec.structs import replace
from oauthlib.common import Request
from oauthlib.oauth2 import (
    AuthorizationCodeGrant,
    AuthorizationEndpoint,
    BearerToken,
    ClientCredentialsGrant,
    DeviceAuthorizationEndpoint,
    IntrospectEndpoint,
    InvalidRequestError,
    RefreshTokenGrant,
    RevocationEndpoint,
    TokenEndpoint,
    UnsupportedResponseTypeError,
)
from oauthlib.oauth2.rfc6749.errors import ConsentRequired, CustomOAuth2Error

from broker.model.client import Client
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.sandbox.device_grant import DeviceGrant, device_endpoint
from broker.sandbox.grants import Grants
from broker.sandbox.signing import IdTokenSigner
from broker.sandbox.validator import (
    GRANT_TYPES,
    SandboxValidator,
    family_of,
    resources_of,
)

_S256_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # RFC 7636 section 4.1
_RESOURCE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[\x21\x23-\x7e]+")
_FRAGMENT = "#"


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """What oauthlib answers for."""

    authorization: AuthorizationEndpoint
    token: TokenEndpoint
    revocation: RevocationEndpoint
    introspection: IntrospectEndpoint
    device: DeviceAuthorizationEndpoint


class TokenTerms(msgspec.Struct, frozen=True, kw_only=True):
    """How long tokens live, in whole seconds, and who approves."""

    access_life: int
    auto_approve: bool


def build_endpoints(
    validator: SandboxValidator,
    grants: Grants,
    signer: IdTokenSigner,
    terms: TokenTerms,
    issuer: str,
) -> Endpoints:
    """The endpoints over one validator."""
    # Its debug lines print codes and tokens.
    logging.getLogger("oauthlib").setLevel(logging.INFO)
    rules = _Rules(grants=grants, signer=signer, terms=terms)
    code = AuthorizationCodeGrant(
        validator,
        pre_auth=[rules.check_authorization],
        pre_token=[check_verifier],
        post_token=[check_resources],
    )
    refresh = RefreshTokenGrant(validator, post_token=[check_resources])
    device = DeviceGrant(
        validator, [rules.add_id_token, rules.add_refresh_life], check_resources
    )
    own = ClientCredentialsGrant(
        validator, post_token=[rules.open_own_family, check_resources]
    )
    for grant in (code, refresh):
        grant.register_token_modifier(rules.add_id_token)
        grant.register_token_modifier(rules.add_refresh_life)
    bearer = BearerToken(
        validator,
        token_generator=lambda r: grants.new_access_token(family_of(r)).reveal(),
        expires_in=terms.access_life,
        refresh_token_generator=lambda r: grants.next_refresh_token(
            family_of(r)
        ).reveal(),
    )
    return Endpoints(
        authorization=AuthorizationEndpoint(
            default_response_type="code",
            default_token_type=bearer,  # type: ignore[arg-type] # the stub says str
            response_types={"code": code},
        ),
        token=TokenEndpoint(
            default_grant_type="authorization_code",
            default_token_type=bearer,  # type: ignore[arg-type] # the stub says str
            grant_types=dict(
                zip(GRANT_TYPES, (code, refresh, device, own), strict=True)
            ),
        ),
        revocation=RevocationEndpoint(validator),
        introspection=IntrospectEndpoint(validator),
        device=device_endpoint(validator, issuer),
    )


class _Rules(msgspec.Struct, frozen=True, kw_only=True):
    grants: Grants
    signer: IdTokenSigner
    terms: TokenTerms

    def check_authorization(self, request: Request) -> dict[str, object]:
        """What oauthlib leaves open in an authorization request it may answer."""
        if request.response_mode not in {None, "query"}:
            request.response_mode = None  # or the error would go into the fragment
            raise InvalidRequestError("only response_mode=query", request=request)
        for name in ("request", "request_uri"):
            if getattr(request, name, None) is not None:
                raise CustomOAuth2Error(f"{name}_not_supported", request=request)
        if request.response_type not in {None, "code"}:
            raise UnsupportedResponseTypeError(request=request)
        _check_challenge(request)
        _check_form_of_resources(request)
        self._check_prompt(request)
        return {}

    def _check_prompt(self, request: Request) -> None:
        prompts = (request.prompt or "").split()
        if "none" not in prompts:
            return
        if prompts != ["none"]:
            raise InvalidRequestError("prompt=none stands alone", request=request)
        if not self.terms.auto_approve:
            raise ConsentRequired(request=request)

    def open_own_family(self, request: Request) -> None:
        """What `family_of` answers where no person has approved anything."""
        client = request.client
        if not isinstance(client, Client):
            raise TypeError("no client has been authenticated")
        request.user = self.grants.own_family(client.client_id)

    def add_id_token(
        self, token: dict[str, object], _handler: object, request: Request | None
    ) -> dict[str, object]:
        """An ID token where `openid` was granted; after a refresh, too."""
        if request is None or "openid" not in (request.scopes or ()):
            return token
        approval = family_of(request).approval
        if request.grant_type == "refresh_token":
            # The nonce is of the sign-in (OpenID Connect Core 1.0 section 12.2).
            approval = replace(approval, nonce=None)
        id_token = self.signer.id_token(
            approval,
            Secret(str(token["access_token"])),
            scopes=tuple(request.scopes or ()),
            now=self.grants.now(),
            life=Seconds(max(self.terms.access_life, 60)),
        )
        return token | {"id_token": id_token.reveal()}

    def add_refresh_life(
        self, token: dict[str, object], _handler: object, request: Request | None
    ) -> dict[str, object]:
        """`refresh_token_expires_in` where refresh tokens end, as Google says it."""
        if request is None:
            return token
        end = self.grants.refresh_expires_at(family_of(request))
        if end is None:
            return token
        left = max(int(end - self.grants.now()), 0)
        return token | {"refresh_token_expires_in": left}


def check_verifier(request: Request) -> None:
    """The verifier has the form of RFC 7636; oauthlib would hash any text."""
    verifier = request.code_verifier
    if verifier is not None and not _VERIFIER.fullmatch(verifier):
        raise InvalidRequestError("a malformed code_verifier", request=request)


def check_resources(request: Request) -> None:
    """Each resource is a URI, and one that was allowed if any was (RFC 8707 2.2)."""
    _check_form_of_resources(request)
    allowed = family_of(request).approval.resources
    if allowed and not set(resources_of(request)) <= set(allowed):
        raise _invalid_target(request, "the sign-in was for other resources")


def _check_challenge(request: Request) -> None:
    # A missing method would mean `plain` (RFC 7636 section 4.3).
    if request.code_challenge is None:
        return  # refused by oauthlib, as PKCE is required
    if request.code_challenge_method != "S256":
        raise InvalidRequestError("code_challenge_method must be S256", request=request)
    if not _S256_CHALLENGE.fullmatch(request.code_challenge):
        raise InvalidRequestError("a malformed code_challenge", request=request)


def _check_form_of_resources(request: Request) -> None:
    for resource in resources_of(request):
        if not _RESOURCE.fullmatch(resource) or _FRAGMENT in resource:
            raise _invalid_target(request, "a resource is an absolute URI")


def _invalid_target(request: Request, description: str) -> CustomOAuth2Error:
    return CustomOAuth2Error("invalid_target", description, request=request)
