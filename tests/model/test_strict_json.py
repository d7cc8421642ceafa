"""JSON of strangers: what is refused, and that no refusal quotes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.model.strict_json import parse_json

CANARY = "c4n4ry"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"null", None),
        (b" [1, 2.5, true] ", [1, 2.5, True]),
        (b'{"a": {"a": "\xc3\xa9"}}', {"a": {"a": "é"}}),
        (b'{"": ""}', {"": ""}),
    ],
)
def test_json_is_read(data: bytes, expected: object) -> None:
    assert parse_json(data) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        b"\xff",
        b"{",
        b"{}x",
        b"{'a': 1}",
        b'{"a": 1,}',
        b"NaN",
        b"-Infinity",
        b'{"n": [Infinity]}',
        b"01",
        b"1_000",
        b'"\t"',
        b'"\n"',
        b"\x00",
        b"9" * 5000,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a": 1, "a": 2}',
        b'{"a": 1, "\\u0061": 2}',
        b'{"x": [{"a": 1, "b": 2, "a": 3}]}',
        f'{{"{CANARY}": "{CANARY}", "{CANARY}": 1}}'.encode(),
        f'{{"a": "{CANARY}" "{CANARY}"}}'.encode(),
        f'"{CANARY}'.encode(),
        CANARY.encode() + b"\xff",
    ],
)
def test_anything_else_is_a_value_error_that_quotes_nothing(data: bytes) -> None:
    with pytest.raises(ValueError, match=" ") as caught:
        parse_json(data)
    error: BaseException | None = caught.value
    assert CANARY not in str(error)
    # A traceback in a log prints causes and contexts too, unless they are hidden.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@given(st.binary(max_size=200))
def test_no_bytes_cause_another_error(data: bytes) -> None:
    try:
        parse_json(data)
    except ValueError as exc:
        assert type(exc) is ValueError  # noqa: PT017 - and no subclass with a `doc`
