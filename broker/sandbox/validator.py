"""Answers oauthlib's questions about the sandbox's client, codes and tokens."""
# ruff: noqa: ARG002, D102 - signatures and meaning are oauthlib's own

import re
from collections.abc import Mapping

from oauthlib.common import Request
from oauthlib.oauth2 import RequestValidator

from broker.model.client import Client
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.sandbox.devices import DEVICE_CODE, Devices, DeviceState
from broker.sandbox.grants import OWN_FAMILY, Approval, Family, Grants
from broker.sandbox.parameters import parse_basic
from broker.sandbox.redirects import is_loopback_redirect, is_out_of_band
from broker.sandbox.signing import SUBJECT

DEFAULT_SCOPES = ("https://www.googleapis.com/auth/drive.metadata.readonly",)
"""Where a request names none."""

GRANT_TYPES = (
    "authorization_code",
    "refresh_token",
    DEVICE_CODE,
    "client_credentials",
)

_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}")  # RFC 6749 section 3.3
_SCOPES = 50


class SandboxValidator(RequestValidator):
    """One client, one person, everything in memory.

    Between two of oauthlib's calls for one request, `request.user` holds the
    `Family` that a code or refresh token opened, and `request.client` the client.
    """

    def __init__(
        self, grants: Grants, devices: Devices, client: Client, issuer: str
    ) -> None:
        super().__init__()
        self._grants = grants
        self._devices = devices
        self._client = client
        self._issuer = issuer

    # --- the client -----------------------------------------------------------

    def client_authentication_required(
        self, request: Request, *args: object, **kwargs: object
    ) -> bool:
        return True

    def authenticate_client(
        self, request: Request, *args: object, **kwargs: object
    ) -> bool:
        """Basic or post, not both (RFC 6749 section 2.3)."""
        basic = request.headers.get("Authorization")
        if basic is not None and request.client_secret is not None:
            return False
        if basic is None:
            client_id, secret = request.client_id, request.client_secret
        else:
            client_id, secret = parse_basic(str(basic))
        if request.client_id is not None and request.client_id != client_id:
            return False
        if client_id != self._client.client_id or secret is None:
            return False
        request.client = self._client
        return Secret(secret) == self._client.client_secret  # in constant time

    def authenticate_client_id(
        self, client_id: str, request: Request, *args: object, **kwargs: object
    ) -> bool:
        return False  # there is no public client here

    def validate_client_id(
        self, client_id: str, request: Request, *args: object, **kwargs: object
    ) -> bool:
        return client_id == self._client.client_id

    def validate_grant_type(
        self,
        client_id: str,
        grant_type: str,
        client: object,
        request: Request,
        *args: object,
        **kwargs: object,
    ) -> bool:
        return grant_type in GRANT_TYPES

    # --- the authorization request ---------------------------------------------

    def validate_redirect_uri(
        self,
        client_id: str,
        redirect_uri: str,
        request: Request,
        *args: object,
        **kwargs: object,
    ) -> bool:
        return is_loopback_redirect(redirect_uri) or is_out_of_band(redirect_uri)

    def get_default_redirect_uri(  # type: ignore[override] # the stub forgets None
        self, client_id: str, request: Request, *args: object, **kwargs: object
    ) -> None:
        return None  # the port is the program's, so that it must always be named

    def validate_response_type(
        self,
        client_id: str,
        response_type: str,
        client: object,
        request: Request,
        *args: object,
        **kwargs: object,
    ) -> bool:
        return response_type == "code"

    def is_pkce_required(self, client_id: str, request: Request) -> bool:
        return True

    def get_default_scopes(
        self, client_id: str, request: Request, *args: object, **kwargs: object
    ) -> list[str]:
        return list(DEFAULT_SCOPES)

    def validate_scopes(
        self,
        client_id: str,
        scopes: list[str],
        client: object,
        request: Request,
        *args: object,
        **kwargs: object,
    ) -> bool:
        """Any scope of the right form: people try their own programs here."""
        return len(scopes) <= _SCOPES and all(_SCOPE.fullmatch(s) for s in scopes)

    # --- codes -----------------------------------------------------------------

    def save_authorization_code(
        self,
        client_id: str,
        code: Mapping[str, str],  # type: ignore[override] # the stub's type is private
        request: Request,
        *args: object,
        **kwargs: object,
    ) -> None:
        approval = Approval(
            client_id=client_id,
            scopes=tuple(dict.fromkeys(request.scopes or ())),
            resources=resources_of(request),
            redirect_uri=request.redirect_uri or "",
            code_challenge=request.code_challenge or "",
            nonce=request.nonce,
            approved_at=self._grants.now(),
        )
        self._grants.keep_code(Secret(code["code"]), approval)

    def validate_code(
        self,
        client_id: str,
        code: str,
        client: object,
        request: Request,
        *args: object,
        **kwargs: object,
    ) -> bool:
        # The redirect URI is compared here, where a difference is invalid_grant as
        # RFC 6749 section 5.2 has it; oauthlib's own place makes it invalid_request.
        family = self._grants.spend_code(
            Secret(code), client_id=client_id, redirect_uri=request.redirect_uri
        )
        if family is None:
            return False
        request.user = family
        request.scopes = list(family.approval.scopes)
        return True

    def confirm_redirect_uri(
        self,
        client_id: str,
        code: str,
        redirect_uri: str,
        client: object,
        request: Request,
        *args: object,
        **kwargs: object,
    ) -> bool:
        return True  # `validate_code` has compared it

    def get_code_challenge(self, code: str, request: Request) -> str:
        return family_of(request).approval.code_challenge

    def get_code_challenge_method(self, code: str, request: Request) -> str:
        return "S256"

    def invalidate_authorization_code(
        self,
        client_id: str,
        code: str,
        request: Request,
        *args: object,
        **kwargs: object,
    ) -> None:
        """Nothing is left to do: the first try has spent it."""

    def validate_device_code(
        self,
        client_id: str,
        code: str,
        request: Request,
        *args: object,
        **kwargs: object,
    ) -> str | None:
        # `client_id` may be None: the client has proved itself in the header.
        found = self._devices.ask(Secret(code), self._client.client_id)
        if found is None:
            return None
        state, family = found
        if state is DeviceState.APPROVED and family is not None:
            request.user = family
            request.scopes = list(family.approval.scopes)
        return state.value

    # --- tokens ----------------------------------------------------------------

    def validate_refresh_token(
        self,
        refresh_token: str,
        client: Client,  # type: ignore[override] # ours; oauthlib only hands it on
        request: Request,
        *args: object,
        **kwargs: object,
    ) -> bool:
        family = self._grants.spend_refresh_token(
            Secret(refresh_token), client_id=client.client_id
        )
        request.user = family
        return family is not None

    def get_original_scopes(
        self, refresh_token: str, request: Request, *args: object, **kwargs: object
    ) -> list[str]:
        return list(family_of(request).approval.scopes)

    def save_token(
        self,
        token: Mapping[str, object],
        request: Request,
        *args: object,
        **kwargs: object,
    ) -> None:
        family = family_of(request)
        self._grants.record(
            family,
            Secret(str(token["access_token"])),
            scopes=request.scopes or (),
            audience=resources_of(request) or family.approval.resources,
            life=Seconds(float(str(token["expires_in"]))),
        )

    def revoke_token(
        self,
        token: str,
        token_type_hint: str,
        request: Request,
        *args: object,
        **kwargs: object,
    ) -> None:
        self._grants.revoke(Secret(token), client_id=self._client.client_id)

    def introspect_token(  # type: ignore[override] # the stub's dict is invariant
        self,
        token: str,
        token_type_hint: str,
        request: Request,
        *args: object,
        **kwargs: object,
    ) -> dict[str, object] | None:
        """What RFC 7662 section 2.2 tells of a live token, or None."""
        found = self._grants.find_access_token(Secret(token))
        if found is not None:
            family, issued = found
            claims: dict[str, object] = {
                "token_type": "Bearer",
                "scope": " ".join(issued.scopes),
                "iat": int(issued.issued_at),
                "exp": int(issued.expires_at),
            }
            if issued.audience:
                claims["aud"] = list(issued.audience)
            return self._claims_of(family) | claims
        family_or_none = self._grants.find_refresh_token(Secret(token))
        if family_or_none is None:
            return None
        scope = " ".join(family_or_none.approval.scopes)
        return self._claims_of(family_or_none) | {"scope": scope}

    def _claims_of(self, family: Family) -> dict[str, object]:
        client_id = family.approval.client_id
        # RFC 9068 section 2.2: without a person the client itself is the subject.
        subject = client_id if family.id == OWN_FAMILY else SUBJECT
        return {"iss": self._issuer, "sub": subject, "client_id": client_id}


def family_of(request: Request) -> Family:
    """The family that the code or refresh token of this request opened."""
    family = request.user
    if not isinstance(family, Family):
        raise TypeError("no code or refresh token has been validated")
    return family


def resources_of(request: Request) -> tuple[str, ...]:
    """The `resource` parameters, as `parse_parameters` joined them."""
    return tuple((request.resource or "").split())
