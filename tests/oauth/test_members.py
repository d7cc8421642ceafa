import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.model.errors import IssuerMalformedError
from broker.oauth.members import Members, parse_members


def members(body: bytes) -> Members:
    return parse_members(body, issuer="https://issuer.example", what="its answer")


@pytest.mark.parametrize(
    ("value", "seconds"), [(0, 0.0), (5, 5.0), (1.5, 1.5), ("1800", 1800.0)]
)
def test_a_span_may_be_a_number_or_digits(value: object, seconds: float) -> None:
    body = json.dumps({"interval": value}).encode()
    assert float(members(body).seconds("interval") or 0) == seconds
    assert members(body).seconds("missing") is None


@pytest.mark.parametrize("value", [-1, True, "5s", "-5", [5], {}, 1e300])
def test_what_is_no_span_is_refused(value: object) -> None:
    body = json.dumps({"interval": value}).encode()
    with pytest.raises(IssuerMalformedError):
        members(body).seconds("interval")


def test_each_member_has_its_type() -> None:
    parsed = members(b'{"a": "text", "b": true, "c": ["x", "y"], "d": null}')
    assert parsed.required_text("a") == "text"
    assert parsed.flag("b") is True
    assert parsed.texts("c") == ("x", "y")


def test_null_counts_as_absent() -> None:
    parsed = members(b'{"d": null}')
    assert parsed.text("d") is None
    assert parsed.texts("d") is None
    assert parsed.flag("d") is False


@pytest.mark.parametrize(
    "body",
    [
        *(b"[]", b"null", b'"text"', b"1", b"", b"\xff"),
        *(b'{"a":1,"a":2}', b'{"a":NaN}', b'{"a":' + b"9" * 5000 + b"}"),
        b"[" * 100_000,
    ],
)
def test_what_is_no_strict_json_object_is_malformed(body: bytes) -> None:
    with pytest.raises(IssuerMalformedError):
        members(body)


def test_a_web_page_is_called_one() -> None:
    with pytest.raises(IssuerMalformedError, match="a web page came"):
        members(b"  <!doctype html><p>Sign in to this hotel's network")


def test_a_wrong_type_names_the_member() -> None:
    parsed = members(b'{"a": 1, "c": ["x", 1], "e": "x"}')
    with pytest.raises(IssuerMalformedError, match="'a' is not a string"):
        parsed.text("a")
    with pytest.raises(IssuerMalformedError, match="'a' is not an array"):
        parsed.texts("a")
    with pytest.raises(IssuerMalformedError, match="'c' is not an array of strings"):
        parsed.texts("c")
    with pytest.raises(IssuerMalformedError, match="'e' is neither"):
        parsed.flag("e")
    with pytest.raises(IssuerMalformedError, match="'z' is missing"):
        parsed.required_text("z")


def test_values_stay_out_of_the_repr() -> None:
    assert "canary" not in repr(members(b'{"access_token": "canary"}'))


@given(st.binary())
def test_any_bytes_are_an_object_or_malformed(body: bytes) -> None:
    try:
        members(body)
    except IssuerMalformedError as exc:
        assert exc.issuer == "https://issuer.example"  # noqa: PT017 - either is right


def test_an_object_within_is_read_by_the_same_rules() -> None:
    inner = members(b'{"a": {"b": "c", "d": 1}}').object("a")
    assert inner is not None
    assert inner.text("b") == "c"
    assert members(b'{"a": null}').object("a") is None
    with pytest.raises(IssuerMalformedError, match="'d' is not a string"):
        inner.text("d")
    with pytest.raises(IssuerMalformedError, match="'a' is not an object"):
        members(b'{"a": []}').object("a")
