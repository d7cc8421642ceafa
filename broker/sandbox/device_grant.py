"""oauthlib's side of the device grant (RFC 8628): its endpoint, and what it forgets."""

import json
from collections.abc import Callable, Sequence
from http import HTTPStatus

from oauthlib.common import Request
from oauthlib.oauth2 import DeviceAuthorizationEndpoint, DeviceCodeGrant
from oauthlib.oauth2.rfc6749.tokens import TokenBase

from broker.sandbox.devices import DEVICE_LIFE, INTERVAL, new_user_code
from broker.sandbox.validator import SandboxValidator

Modifier = Callable[[dict[str, object], object, Request], dict[str, object]]
"""Adds to a token answer, such as an ID token."""


class DeviceGrant(DeviceCodeGrant):
    """The grant type, with token modifiers: oauthlib's own leaves them out."""

    def __init__(
        self,
        validator: SandboxValidator,
        modifiers: Sequence[Modifier],
        check: Callable[[Request], None],
    ) -> None:
        super().__init__(validator, post_token=[check])
        self._modifiers = modifiers

    def create_token_response(
        self, request: Request, token_handler: TokenBase
    ) -> tuple[dict[str, str], str, int]:
        """Tokens, an ID token among them, or the refusal."""
        headers, body, status = super().create_token_response(request, token_handler)
        if status != HTTPStatus.OK:
            return headers, body, status
        token = json.loads(body)
        for modifier in self._modifiers:
            token = modifier(token, token_handler, request)
        return headers, json.dumps(token), status


def device_endpoint(
    validator: SandboxValidator, issuer: str
) -> DeviceAuthorizationEndpoint:
    """The device authorization endpoint."""
    return DeviceAuthorizationEndpoint(
        validator,  # type: ignore[arg-type] # the stub wants OpenID Connect's
        verification_uri=f"{issuer}/device",
        verification_uri_complete=f"{issuer}/device?user_code={{user_code}}",
        expires_in=DEVICE_LIFE,
        interval=INTERVAL,
        user_code_generator=new_user_code,  # type: ignore[arg-type] # of no argument
    )
