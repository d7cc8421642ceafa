"""Takes what was sent out of what is said about it. Knows no connection.

Some issuers quote a request in their refusal of it, and the refusal is shown to people
and logged: a code, a verifier or a client's secret would be, too.
"""

import base64
import binascii
from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import parse_qsl, quote, quote_plus, unquote_plus

from msgspec.structs import replace

from broker.model.http import HttpRequest, HttpResponse

SECRET_PARAMETERS = frozenset(
    {
        "assertion",
        "client_assertion",
        "client_secret",
        "code",
        "code_verifier",
        "device_code",
        "password",
        "refresh_token",
        "subject_token",
        "token",
    }
)
"""Of a form: RFC 6749, 7009, 7521, 7636, 8628, 8693."""

_SHORTEST = 6
"""Characters; what is shorter is found in ordinary words, too."""

HIDDEN = b"(not shown)"

_FORM = "application/x-www-form-urlencoded"


def without_echo(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The response, without the secrets of `request` where it is a refusal.

    What is granted stays as it is: a refresh token may come back as it went.
    """
    is_granted = response.status < HTTPStatus.BAD_REQUEST
    # GitHub refuses with status 200.
    if is_granted and not (
        b'"error"' in response.body and b'"access_token"' not in response.body
    ):
        return response
    body = response.body
    for secret in _secrets(request):
        for spelling in {secret, quote(secret), quote_plus(secret)}:
            body = body.replace(spelling.encode(), HIDDEN)
    return response if body == response.body else replace(response, body=body)


def _secrets(request: HttpRequest) -> Iterator[str]:
    for found in (*_of_form(request), *_of_authorization(request)):
        if len(found) >= _SHORTEST:
            yield found


def _of_form(request: HttpRequest) -> Iterator[str]:
    if request.headers.get("Content-Type") != _FORM:
        return
    for name, value in parse_qsl(request.body.decode(errors="replace")):
        if name in SECRET_PARAMETERS:
            yield value


def _of_authorization(request: HttpRequest) -> Iterator[str]:
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if kind == "Bearer":
        yield value
    elif kind == "Basic":
        yield value
        try:
            pair = base64.b64decode(value).decode()
        except (binascii.Error, UnicodeDecodeError):  # not one of ours
            return
        yield unquote_plus(pair.partition(":")[2])
