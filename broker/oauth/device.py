"""The device authorization grant (RFC 8628). Knows no sockets and no clock.

There is no PKCE here: no code passes through a browser that could be stolen on its
way. What ties the answer to this machine is the device code, which nobody sees.
"""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace
from oauthlib.common import urlencode
from oauthlib.oauth2 import DeviceClient

from broker.model.client import Client, ClientAuthentication
from broker.model.http import HttpRequest, HttpResponse
from broker.model.issuer import Issuer
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.oauth.authorization import check_request
from broker.oauth.client_authentication import authenticated_post
from broker.oauth.endpoints import check_endpoint
from broker.oauth.grammar import is_vschars
from broker.oauth.members import Members
from broker.oauth.token import TokenRefusal, parse_answer
from broker.oauth.token_request import parse_resource

DEFAULT_INTERVAL = Seconds(5)
"""RFC 8628 section 3.2, where the issuer says nothing."""

SHORTEST_INTERVAL = Seconds(1)
"""Of ours: an issuer that says 0 is not asked without a pause."""

RFC_8628_SLOW_DOWN = Seconds(5)

MAX_USER_CODE_CHARACTERS = 40
"""Somebody has to type it; Google's have at most 15, and 8 are usual."""

LONGEST_BACK_OFF = Seconds(60)
"""Between two questions to an issuer that does not answer: somebody is waiting."""

_MAX_DEVICE_CODE_CHARACTERS = 16384
_WHAT = "its device answer"


class DevicePrompt(msgspec.Struct, frozen=True, kw_only=True):
    """What the person needs; safe to show on a terminal.

    Attributes:
        user_code: printable ASCII, to be typed at `verification_uri`.
        verification_uri: a checked URL.
        verification_uri_complete: the same with the code in it, or None.
    """

    user_code: str
    verification_uri: str
    verification_uri_complete: str | None


class DeviceAuthorization(msgspec.Struct, frozen=True, kw_only=True):
    """What the device authorization endpoint gave (RFC 8628 section 3.2).

    Attributes:
        device_code: what the token endpoint is asked with.
        prompt: for the person.
        expires_in: seconds, more than 0.
        interval: the least number of seconds between two questions.
    """

    device_code: Secret
    prompt: DevicePrompt
    expires_in: Seconds
    interval: Seconds


def device_authorization_request(
    *,
    endpoint: str,
    issuer: Issuer,
    client: Client,
    scopes: Sequence[str],
    parameters: Mapping[str, str],
    resource: str | None = None,
) -> HttpRequest:
    """The request for a user code.

    Args:
        endpoint: the issuer's device authorization endpoint.
        issuer: whose.
        client: who asks.
        scopes: in the person's order; none leaves the parameter out.
        parameters: the person's own, such as Auth0's `audience`.
        resource: where the tokens are to be used (RFC 8707), or None.

    Raises:
        BadRequestError: of `check_request`.

    Source: RFC 8628 section 3.1.
    """
    check_request(issuer, client, scopes, parameters)
    scope = issuer.quirks.scope_separator.join(scopes)
    form = [("scope", scope)] if scope else []
    if resource is not None:
        form.append(("resource", parse_resource(resource)))
    if client.authentication is ClientAuthentication.BASIC:
        # Google, and oauthlib's servers, want to read it here whatever the header says.
        form.append(("client_id", client.client_id))
    # oauthlib's prepare_request_uri would put the client secret into the URL.
    return authenticated_post(
        endpoint, client=client, form=urlencode([*form, *parameters.items()])
    )


def parse_device_authorization(
    response: HttpResponse, *, issuer: str
) -> DeviceAuthorization | TokenRefusal:
    """What the device authorization endpoint said.

    Args:
        response: status, headers and body as they came.
        issuer: the issuer URL.

    Raises:
        IssuerInvalidError: an address that no browser should be sent to.
        IssuerMalformedError, IssuerOverloadedError, IssuerUnreachableError: as of the
            token endpoint.
    """
    answer = parse_answer(response, issuer=issuer, what=_WHAT)
    if isinstance(answer, TokenRefusal):
        return answer
    return DeviceAuthorization(
        device_code=_device_code(answer),
        prompt=DevicePrompt(
            user_code=_user_code(answer),
            verification_uri=_verification_uri(answer, issuer),
            verification_uri_complete=_complete(answer, issuer),
        ),
        expires_in=_expires_in(answer),
        interval=_interval(answer),
    )


def device_token_request(
    *,
    issuer: Issuer,
    client: Client,
    device_code: Secret,
    dpop_key: Secret | None = None,
    resource: str | None = None,
) -> HttpRequest:
    """The question whether the person has agreed.

    Args:
        issuer: as it was when the login began.
        client: who asked for the code.
        device_code: from `parse_device_authorization`.
        dpop_key: what the tokens are to be bound to, or None.
        resource: as in the device authorization request.

    Source: RFC 8628 section 3.4.
    """
    extra = {} if resource is None else {"resource": parse_resource(resource)}
    form = DeviceClient(client.client_id).prepare_request_body(
        device_code=device_code.reveal(),
        scope="",  # RFC 8628 has none here; oauthlib would send them again
        include_client_id=False,  # authenticated_post adds it where it belongs
        **extra,
    )
    request = authenticated_post(issuer.token_endpoint, client=client, form=form)
    return replace(request, dpop_key=dpop_key)


def next_interval(interval: Seconds, error: str) -> Seconds | None:
    """How long to wait before asking the token endpoint again.

    Args:
        interval: the wait now in force, in seconds.
        error: the `error` code of the last answer, such as 'slow_down'.

    Returns:
        Seconds, for this and all later questions; None where the code ends the login.

    Source: RFC 8628 section 3.5.
    """
    match error:
        case "authorization_pending":
            return interval
        case "slow_down":
            return Seconds(interval + RFC_8628_SLOW_DOWN)
        case _:
            return None


def backed_off(interval: Seconds, missed: int) -> Seconds:
    """How long to wait after `missed` questions in a row that got no answer.

    Args:
        interval: the wait in force between answers, in seconds.
        missed: 0 where the last question was answered.

    Source: RFC 8628 section 3.5: on time-outs, exponential back-off.
    """
    doubled = interval * 2 ** min(missed, 16)
    return Seconds(max(interval, min(doubled, LONGEST_BACK_OFF)))


def _device_code(members: Members) -> Secret:
    value = members.required_text("device_code")
    if len(value) > _MAX_DEVICE_CODE_CHARACTERS or not is_vschars(value):
        raise members.malformed("'device_code' is not printable ASCII")
    return Secret(value)


def _user_code(members: Members) -> str:
    # ASCII alone: it is shown on a terminal and typed on any keyboard, and a letter
    # that looks like another, or that is written from the right, helps nobody.
    code = members.required_text("user_code")
    if len(code) > MAX_USER_CODE_CHARACTERS or not is_vschars(code):
        raise members.malformed("'user_code' is nothing that a person could type")
    if not code.strip():
        raise members.malformed("'user_code' is empty")
    return code


def _verification_uri(members: Members, issuer: str) -> str:
    # Google calls it so: its endpoint is older than the RFC.
    name = "verification_uri"
    if members.find(name) is None and members.find("verification_url") is not None:
        name = "verification_url"
    return check_endpoint(members.required_text(name), issuer=issuer, name=name)


def _complete(members: Members, issuer: str) -> str | None:
    name = "verification_uri_complete"
    uri = members.text(name)
    return None if uri is None else check_endpoint(uri, issuer=issuer, name=name)


def _expires_in(members: Members) -> Seconds:
    seconds = members.seconds("expires_in")
    if not seconds:
        raise members.malformed("'expires_in' leaves no time to sign in")
    return seconds


def _interval(members: Members) -> Seconds:
    seconds = members.seconds("interval")
    if seconds is None:
        return DEFAULT_INTERVAL
    return max(seconds, SHORTEST_INTERVAL)
