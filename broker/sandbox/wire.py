"""HTTP as every route of the sandbox reads and answers it. Knows no OAuth."""

import asyncio
import json
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

from broker.model.secret import Secret
from broker.sandbox import pages

LARGEST_BODY_BYTES = 64 * 1024
_BODY_SECONDS = 10  # a body that is sent half would hold the connection for ever

FORM = "application/x-www-form-urlencoded"


async def read_form(http: web.Request) -> str:
    """The body of a form as it came, still encoded.

    Raises:
        ValueError: no form, not ASCII, or not all there in time.
        web.HTTPRequestEntityTooLarge: over `LARGEST_BODY_BYTES`.
    """
    if http.content_type != FORM:
        raise ValueError(f"the body is not {FORM}")
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            body = await http.read()
    except TimeoutError:
        raise ValueError("the body did not arrive in time") from None
    if not body.isascii():
        raise ValueError("the body is not ASCII, as an encoded form is")
    return body.decode("ascii")


def bearer_token(http: web.Request) -> Secret | None:
    """The token of the Authorization header, or None (RFC 6750 section 2.1)."""
    scheme, _, token = http.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.isascii():
        return None
    return Secret(token.strip()) if token.strip() else None


def answer_json(
    document: Mapping[str, object],
    status: int = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """A JSON answer that nobody stores."""
    response = web.Response(
        body=json.dumps(document).encode(),
        status=status,
        content_type="application/json",
        charset="utf-8",
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.update(headers or {})
    return response


def answer_page(
    html: str, status: int = HTTPStatus.OK, form_action: str = "'none'"
) -> web.Response:
    """A page with the headers that keep it harmless."""
    response = web.Response(text=html, content_type="text/html", status=status)
    response.headers.update(pages.security_headers(form_action))
    return response
