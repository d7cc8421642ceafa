import contextlib
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokerd_client.errors import BrokerError, ReplyMalformedError
from brokerd_client.wire import (
    MAX_HEAD_BYTES,
    MAX_REPLY_BYTES,
    Reply,
    ReplyReader,
    decode_reply,
    json_bytes,
    request_bytes,
)

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nX-A: b\r\n\r\n[1,2,3]"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n"
    b"3\r\n[1,\r\n4;note=x\r\n2,3]\r\n0\r\n\r\n"
)
UNTIL_THE_END = b"HTTP/1.0 200 OK\r\nX-A: b\r\n\r\n[1,2,3]"
AFTER_INFORMATION = b"HTTP/1.1 103 Early Hints\r\nX-A: c\r\n\r\n" + PLAIN


def read(*parts: bytes) -> Reply:
    reader = ReplyReader()
    for part in parts:
        reader.feed(part)
    reader.end()
    assert reader.reply is not None
    return reader.reply


@pytest.mark.parametrize("data", [PLAIN, CHUNKED, UNTIL_THE_END, AFTER_INFORMATION])
@given(cuts=st.lists(st.integers(0, 130), max_size=8))
def test_a_reply_reads_the_same_however_it_is_cut(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(data)]
    reply = read(*(data[a:b] for a, b in pairwise(edges)))

    assert reply.status == 200
    assert reply.headers["x-a"] == "b"
    assert decode_reply(reply) == [1, 2, 3]


@pytest.mark.parametrize("data", [PLAIN, CHUNKED])
def test_a_reply_is_there_before_the_connection_ends(data: bytes) -> None:
    reader = ReplyReader()
    reader.feed(data)

    assert reader.reply is not None


@pytest.mark.parametrize("data", [PLAIN, CHUNKED])
def test_half_a_reply_is_no_reply(data: bytes) -> None:
    for length in range(len(data) - len(b"\r\n")):
        reader = ReplyReader()
        reader.feed(data[:length])
        if reader.reply is None:
            with pytest.raises(EOFError):
                reader.end()
        else:
            assert data[:length].endswith(b"0\r\n")


def test_no_content_needs_no_length() -> None:
    assert decode_reply(read(b"HTTP/1.1 204 No Content\r\n\r\n")) is None


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_10\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20x OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nName : space\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_REPLY_BYTES + 1),
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * (MAX_HEAD_BYTES + 1),
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MAX_REPLY_BYTES + 1),
    ],
)
def test_what_is_not_one_clear_reply_is_refused(data: bytes) -> None:
    with pytest.raises(ReplyMalformedError):
        ReplyReader().feed(data)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_reply_or_one_of_our_errors(tail: bytes) -> None:
    for head in (b"", b"HTTP/1.1 200 OK\r\n", CHUNKED[:-20]):
        with contextlib.suppress(EOFError, ReplyMalformedError):
            read(head + tail)


def test_a_redirect_is_not_followed() -> None:
    with pytest.raises(ReplyMalformedError, match="redirect"):
        decode_reply(Reply(302, {"location": "http://elsewhere/"}, b""))


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"code": 7}', b"[" * 99999])
def test_an_error_without_a_problem_document_tells_its_status(body: bytes) -> None:
    with pytest.raises(ReplyMalformedError, match="502"):
        decode_reply(Reply(502, {}, body))


def test_an_unknown_code_of_a_newer_broker_is_kept() -> None:
    body = json.dumps({"code": "brand_new", "title": "New", "detail": "it is new"})

    with pytest.raises(BrokerError) as caught:
        decode_reply(Reply(503, {}, body.encode()))

    assert caught.value.code == "brand_new"
    assert caught.value.retryable


def test_a_broken_answer_does_not_show_up_in_the_traceback() -> None:
    with pytest.raises(ReplyMalformedError) as caught:
        decode_reply(Reply(200, {}, b'{"access_token": "s3cr3t"'))

    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "s3cr3t" not in str(caught.value)


def test_a_request_without_a_body_says_no_length() -> None:
    assert b"content-length" not in request_bytes("GET", "/v1/status").lower()


@pytest.mark.parametrize("method", ["get", "GET /x", "", "GÉT"])
def test_a_method_is_upper_case_letters(method: str) -> None:
    with pytest.raises(ValueError, match="upper-case"):
        request_bytes(method, "/")


def test_the_repr_of_a_reply_hides_its_body() -> None:
    assert "s3cr3t" not in repr(Reply(200, {}, b"s3cr3t"))


_VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
_TEXTS = st.text() | st.sampled_from(["work", "a@b.example", "it's", '"', "\\", "None"])


@given(
    st.dictionaries(_TEXTS, _VALUES | _TEXTS | st.lists(_TEXTS | _VALUES))
    | _VALUES
    | st.lists(_TEXTS)
)
def test_json_by_hand_means_what_the_json_module_writes(value: object) -> None:
    assert json.loads(json_bytes(value)) == json.loads(json.dumps(value))
