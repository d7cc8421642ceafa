"""Requests and replies as bytes (HTTP/1.1, RFC 9112). Knows no sockets, no clock."""

from __future__ import annotations

from brokerd_client.errors import (
    ReplyMalformedError,
    error_from_problem,
    reply_malformed,
)

MAX_REPLY_BYTES = 1024 * 1024
"""A longer answer is not the broker's: a thousand accounts take a fifth of it. Only
a backup is longer, and whoever asks for one says so."""

MAX_HEAD_BYTES = 64 * 1024

_LARGE = 1e9
_NO_CONTENT = 204
_FIRST_FINAL_STATUS = 200
_FIRST_ERROR_STATUS = 400
SUCCESS = range(200, 300)
_STATUS_LINE_WORDS = 2


class Reply:
    """One answer: `status`, `headers` (names in lower case) and `body`."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def is_text(self) -> bool:
        """Whether it succeeded and its body is the plain text that was asked for."""
        kind = self.headers.get("content-type", "").partition(";")[0]
        return self.status in SUCCESS and kind.strip().lower() == "text/plain"

    def __repr__(self) -> str:  # the body holds a token
        return f"Reply(status={self.status}, {len(self.body)} bytes)"


def request_bytes(
    method: str, path: str, body: object = None, *, accept: str = "application/json"
) -> bytes:
    """One request, to be the only one on its connection.

    Args:
        method: such as 'POST'.
        path: with its query; already percent-encoded.
        body: anything that JSON knows; None for no body.
        accept: the media type that is wanted.

    Raises:
        ValueError: method or path could break out of the request line.
    """
    if not (method.isascii() and method.isupper() and method.isalpha()):
        raise ValueError("a method is upper-case letters")
    # From '!' to '~': a space or a line end would begin a request of its own.
    if not path.startswith("/") or not all("!" <= c <= "~" for c in path):
        raise ValueError("a path starts with / and is percent-encoded")
    content = b"" if body is None else json_bytes(body)
    head = [
        f"{method} {path} HTTP/1.1",
        "Host: broker",
        f"Accept: {accept}",
        "Connection: close",
    ]
    if body is not None:
        head += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*head, "", ""]).encode("ascii") + content


def json_bytes(value: object) -> bytes:
    """A value as JSON.

    By hand where that is easy, as it is for a token: the json module, and what it
    imports, is a tenth of a command that asks for one.
    """
    text = _easy_json(value) if type(value) is dict else None
    if text is None:
        import json  # noqa: PLC0415 - see above

        text = json.dumps(value)
    return text.encode()


def _easy_json(members: dict[object, object]) -> str | None:
    """An object whose members are plain text, numbers, or lists of these; else None."""
    parts = []
    for name, value in members.items():
        values = value if type(value) is list else [value]
        if not all(map(_is_easy, [name, *values])):
            return None
        # Python's own notation is JSON's then, but for the quotes.
        parts.append(f'"{name}": {value!r}'.replace("'", '"'))
    return f"{{{', '.join(parts)}}}"


def _is_easy(value: object) -> bool:
    if type(value) is str:
        return value.isascii() and value.isprintable() and not {*value} & {*"'\"\\"}
    return type(value) in (int, float) and abs(value) < _LARGE  # type: ignore[arg-type]  # one of the two


def decode_reply(reply: Reply) -> object:
    """The decoded body of a reply; None where it has none.

    Raises:
        BrokerError: the reply is a problem document, or not the broker's.
    """
    if reply.status >= _FIRST_ERROR_STATUS:
        raise error_from_problem(_problem(reply.body), reply.status)
    if reply.status not in SUCCESS:
        raise reply_malformed(f"a redirect ({reply.status})")
    return decode_json(reply.body) if reply.body else None


def _problem(body: bytes) -> object:
    try:
        return decode_json(body)
    except ReplyMalformedError:
        return None


def decode_json(body: bytes) -> object:
    """The value that `body` is.

    Raises:
        ReplyMalformedError: it is not JSON.
    """
    import json  # noqa: PLC0415 - a bare token is none, see json_bytes

    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        # From None: the decoder's error carries the body, and so a token.
        raise reply_malformed("an answer that is not JSON") from None
    return value


class ReplyReader:
    """Reads one reply from bytes as they come, however they are cut.

    `feed` what arrives and `end` at the end of the stream, until `reply` is there.
    Of an answer that goes on, `take` what has come until now.

    Args:
        largest: bytes of the body that are still taken.
    """

    def __init__(self, largest: int = MAX_REPLY_BYTES) -> None:
        self._largest = largest
        self.reply: Reply | None = None
        self._rest = bytearray()
        self._body = bytearray()
        self._status = 0
        self._headers: dict[str, str] | None = None
        self._expected: int | None = None
        """Bytes of the body, or of the chunk, still to come; None for no limit."""
        self._chunked = False

    def feed(self, data: bytes) -> None:
        """Take what arrived.

        Raises:
            ReplyMalformedError: it is not HTTP, or longer than may be.
        """
        self._rest += data
        while self.reply is None and self._advance():
            pass
        if len(self._body) + len(self._rest) > self._largest:
            raise _too_long(self._largest)

    def take(self) -> bytes:
        """The body as far as it came since the last time; b"" of an error's.

        An error is read whole, and is then the `reply`.
        """
        if self._status not in SUCCESS:
            return b""
        body = bytes(self._body)
        self._body.clear()
        return body

    def end(self) -> None:
        """The stream has ended.

        Raises:
            EOFError: in the middle of the reply.
        """
        if self.reply is None:
            if self._headers is None or self._chunked or self._expected is not None:
                raise EOFError
            self._finish()

    def _advance(self) -> bool:
        """One step; False where more bytes are needed."""
        if self._headers is None:
            return self._read_head()
        if self._chunked and self._expected is None:
            return self._read_chunk_size()
        return self._read_content()

    def _read_head(self) -> bool:
        end = self._rest.find(b"\r\n\r\n")
        if end < 0:
            if len(self._rest) > MAX_HEAD_BYTES:
                raise reply_malformed("headers without an end")
            return False
        lines = self._rest[:end].decode("latin-1").split("\r\n")
        del self._rest[: end + 4]
        self._status = _parse_status(lines[0])
        headers = _parse_headers(lines[1:])
        if self._status < _FIRST_FINAL_STATUS:
            return True  # 1xx: the real one follows
        self._headers = headers
        self._chunked, self._expected = _framing(self._status, headers)
        if (self._expected or 0) > self._largest:
            raise _too_long(self._largest)
        return True

    def _read_content(self) -> bool:
        take = len(self._rest) if self._expected is None else self._expected
        part = self._rest[:take]
        self._body += part
        del self._rest[: len(part)]
        if self._expected is None:
            return False
        self._expected -= len(part)
        if self._expected:
            return False
        if not self._chunked:
            self._finish()
            return True
        return self._end_chunk()

    def _end_chunk(self) -> bool:
        if len(self._rest) < len(b"\r\n"):
            return False
        if self._rest[:2] != b"\r\n":
            raise reply_malformed("a chunk of another length than it said")
        del self._rest[:2]
        self._expected = None
        return True

    def _read_chunk_size(self) -> bool:
        end = self._rest.find(b"\r\n")
        if end < 0:
            return False
        line = bytes(self._rest[:end])
        size = _parse_number(line.partition(b";")[0].strip(), 16)
        if size == 0:
            # Trailers may follow: nothing of ours is in them, and the connection
            # is not used again.
            self._finish()
        else:
            del self._rest[: end + 2]
            self._expected = size
        return True

    def _finish(self) -> None:
        self.reply = Reply(self._status, self._headers or {}, bytes(self._body))


def _parse_status(line: str) -> int:
    words = line.split(" ", 2)
    known = len(words) >= _STATUS_LINE_WORDS and words[0] in ("HTTP/1.1", "HTTP/1.0")
    if not known or len(words[1]) != len("200"):
        raise reply_malformed("something that is not HTTP")
    return _parse_number(words[1].encode("latin-1"), 10)


def _parse_headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise reply_malformed("a header that is none")
        name = name.lower()
        if name in headers and name in ("content-length", "transfer-encoding"):
            raise reply_malformed("two lengths for one answer")
        headers[name] = value.strip()
    return headers


def _framing(status: int, headers: dict[str, str]) -> tuple[bool, int | None]:
    """Whether the body is chunked, and its length where that is known."""
    if status == _NO_CONTENT:
        return False, 0
    encoding = headers.get("transfer-encoding")
    length = headers.get("content-length")
    if encoding is not None:
        if encoding.lower() != "chunked" or length is not None:
            raise reply_malformed("an answer whose length is not clear")
        return True, None
    if length is None:
        return False, None
    return False, _parse_number(length.encode("latin-1"), 10)


def _too_long(largest: int) -> ReplyMalformedError:
    return reply_malformed(f"an answer of more than {largest >> 20} MiB")


def _parse_number(text: bytes, base: int) -> int:
    # int() alone takes signs, spaces and underscores; the longest number we would
    # act on has seven digits.
    digits = b"0123456789abcdef"[:base]
    if not text or len(text) > 16 or text.lower().strip(digits):  # noqa: PLR2004 - 64 bits in hex
        raise reply_malformed("a number that is none")
    return int(text, base)
