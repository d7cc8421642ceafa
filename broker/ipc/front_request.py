"""The one request that the front answers, read from bytes. Pure.

The front meets the same bytes again and again, since each program sends always the
same: what was understood is kept by them. No secret is in there.
"""

import re
from functools import lru_cache

import msgspec

from broker.ipc import wire
from broker.model.errors import BadRequestError
from broker.services.served import TokenWanted

LONGEST_HEAD = 1024
LONGEST_BODY = 1024
"""Bytes; what is longer is unusual."""

_REQUEST_LINE = "POST /v1/token HTTP/1.1"
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = re.compile(r"[1-9][0-9]{0,3}")

_UNDERSTOOD = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "connection",
        "content-length",
        "content-type",
        "host",
        "user-agent",
    }
)
"""A request with any other header goes on: it may change what the rest means."""


class Head(msgspec.Struct, frozen=True):
    """All before the body of a `POST /v1/token`.

    Attributes:
        length: of the body, in bytes.
        accept: the header's value, or ''.
        close: whether the peer wants no other answer on this connection.
    """

    length: int
    accept: str
    close: bool


class Asked(msgspec.Struct, frozen=True):
    """A whole request.

    Attributes:
        wanted: what is asked for.
        accept: see `Head`.
        close: see `Head`.
        form: equal for all requests whose answer for the same token is the same.
    """

    wanted: TokenWanted
    accept: str
    close: bool
    form: tuple[bool, bool]


class UnusualError(Exception):
    """Not for the front. Says nothing of the request: it may be good or bad."""


@lru_cache(maxsize=256)
def parse_asked(data: bytes) -> Asked:
    """A whole and good `POST /v1/token` with nothing after it.

    Raises:
        UnusualError: it is anything else.
    """
    head, body = parse_token_request(data)
    try:
        wanted = wire.token_wanted(wire.parse_body(body, wire.TokenBody))
    except BadRequestError as exc:
        raise UnusualError from exc
    form = (wire.is_plain_text(head.accept), head.close)
    return Asked(wanted, head.accept, head.close, form)


def parse_token_request(data: bytes) -> tuple[Head, bytes]:
    """A whole `POST /v1/token` with nothing after it: its head and its body.

    Raises:
        UnusualError: it is another, half of one, more than one, or says anything
            that is not understood here.
    """
    end = data.find(_END_OF_HEAD, 0, LONGEST_HEAD)
    if end < 0:
        raise UnusualError
    head, body = parse_head(data[:end]), data[end + len(_END_OF_HEAD) :]
    if head.length != len(body):
        raise UnusualError
    return head, body


def parse_head(data: bytes) -> Head:
    """The head, without the empty line at its end.

    Raises:
        UnusualError: see above.
    """
    if not data.isascii():
        raise UnusualError
    line, *lines = data.decode("ascii").split("\r\n")
    headers = _parse_headers(lines)
    length = headers.get("content-length", "")
    connection = headers.get("connection", "keep-alive").lower()
    is_plain = line == _REQUEST_LINE and "host" in headers
    if not is_plain or connection not in ("close", "keep-alive"):
        raise UnusualError
    if not _LENGTH.fullmatch(length) or int(length) > LONGEST_BODY:
        raise UnusualError
    return Head(int(length), headers.get("accept", ""), connection == "close")


def _parse_headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or name not in _UNDERSTOOD or name in headers:
            raise UnusualError
        if not value.isprintable():  # a control character, a line end alone too
            raise UnusualError
        headers[name] = value.strip(" ")
    return headers
