"""Takes what was sent out of what is said about it. Knows no connection.

Some issuers quote a request in their refusal of it, and the refusal is shown to people
and logged: a code, a verifier or a client's secret would be, too.
"""

import base64
import binascii
import re
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

_ESCAPED = re.compile(rb"\\(?:u00([2-7][0-9a-fA-F])|.)", re.DOTALL)


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
    body = plain = _ESCAPED.sub(_unescaped, response.body)
    for secret in _secrets(request):
        for spelling in {secret, quote(secret), quote_plus(secret)}:
            body = body.replace(spelling.encode(), HIDDEN)
    return response if body == plain else replace(response, body=body)


def _unescaped(escape: re.Match[bytes]) -> bytes:
    """What JSON lets be written in two ways, in the shorter one (RFC 8259 section 7).

    A token would else not be found by its own letters: PHP has a backslash before '/',
    Gson writes '=' by its number, and .NET '+'.
    """
    if escape[0] == rb"\/":
        return b"/"
    letter = bytes.fromhex((escape[1] or b"").decode())
    # These would end the string, or begin another escape.
    is_needed = letter in (b"", b'"', b"\\") or not letter.decode().isprintable()
    return escape[0] if is_needed else letter


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
