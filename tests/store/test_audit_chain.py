import json

import pytest

from broker.store.audit_chain import (
    NOTHING,
    End,
    begin_of,
    chained,
    is_authentic,
    key_name,
    own_body,
    parse_line,
    parse_own,
)
from tests.store.audits import AT, KEY, OTHER_KEY, body


def test_a_line_is_json_with_its_number_first_and_its_mac_last() -> None:
    line, end = chained(KEY, End(), body(7))
    assert line.endswith(b"\n")
    members = json.loads(line)
    assert list(members) == ["seq", "at", "operation", "account", "mac"]
    assert members["seq"] == end.sequence == 1
    assert members["mac"] == end.mac.hex()


def test_the_mac_is_over_the_one_before_the_number_and_the_line() -> None:
    # Held in bytes: whoever has the key can look through the log by other means.
    import hashlib  # noqa: PLC0415 - the independent way
    import hmac  # noqa: PLC0415 - as above

    line, end = chained(KEY, End(sequence=4, mac=b"m" * 32), b'{"at":1}')
    message = b"m" * 32 + (5).to_bytes(8, "big") + b'{"seq":5,"at":1'
    expected = hmac.new(bytes(range(32)), message, hashlib.sha256).hexdigest()
    assert line == b'{"seq":5,"at":1,"mac":"%s"}\n' % expected.encode()
    assert end == End(sequence=5, mac=bytes.fromhex(expected))


def test_a_line_is_authentic_after_its_own_forerunner_under_its_own_key_alone() -> None:
    first, after_first = chained(KEY, End(), body(1))
    second, _ = chained(KEY, after_first, body(2))
    line = parse_line(second[:-1])
    assert line is not None
    assert is_authentic(KEY, after_first.mac, line)
    assert not is_authentic(KEY, NOTHING, line)
    assert not is_authentic(OTHER_KEY, after_first.mac, line)
    assert parse_line(first) is None  # the newline is no part of it


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b'{"seq":0,"mac":"%s"}' % (b"0" * 64), b'{"seq":1,"mac":"00"}', b"\0"],
)
def test_what_is_no_line_is_none(raw: bytes) -> None:
    assert parse_line(raw) is None


def test_a_first_line_says_where_the_chain_was_and_by_which_key() -> None:
    end = End(sequence=41, mac=b"m" * 32)
    begin = own_body("audit.begin", AT, after=end.mac.hex(), key=key_name(KEY))
    raw, _ = chained(KEY, end, begin)
    line = parse_line(raw[:-1])
    assert line is not None
    assert begin_of(KEY, line) == end
    assert begin_of(OTHER_KEY, line) is None
    own = parse_own(line)
    assert own is not None
    assert own.key == key_name(KEY) != key_name(OTHER_KEY)


def test_another_line_is_none_that_a_file_begins_with() -> None:
    for other in (body(1), own_body("audit.begin", AT, after="zz", key="")):
        raw, _ = chained(KEY, End(), other)
        line = parse_line(raw[:-1])
        assert line is not None
        assert begin_of(KEY, line) is None
