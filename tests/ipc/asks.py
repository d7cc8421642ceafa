"""`POST /v1/token` as bytes."""

LINE = b"POST /v1/token HTTP/1.1\r\n"


def asks(*headers: bytes, body: bytes = b"{}", line: bytes = LINE) -> bytes:
    """A request with the headers that every one needs, and `headers`."""
    length = b"Content-Length: %d" % len(body)
    head = b"\r\n".join([b"Host: b", length, *headers])
    return line + head + b"\r\n\r\n" + body
