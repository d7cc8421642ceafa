"""Requests as typed values: what is taken, and what is refused without quoting it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from broker.ipc import wire
from broker.ipc.store_wire import StoreBody, UnlockBody
from broker.model.errors import BadRequestError
from broker.model.time import Seconds
from broker.services.served import TokenWanted
from tests.services.world import WORK, digest

CANARY = "c4n4ry"


def wanted(**members: object) -> TokenWanted:
    body = wire.parse_body(json.dumps(members).encode(), wire.TokenBody)
    return wire.token_wanted(body)


# --- POST /v1/token ----------------------------------------------------------------


def test_an_empty_request_means_any_token_of_the_only_account() -> None:
    assert wanted() == TokenWanted()


def test_every_member_of_a_token_request_is_read() -> None:
    assert wanted(
        account="work",
        scopes=["b", "a", "b"],
        resource="https://api.example",
        min_ttl=300,
        rejected=digest("x"),
    ) == TokenWanted(
        account=WORK,
        scopes=frozenset({"a", "b"}),
        resource="https://api.example",
        min_ttl=Seconds(300.0),
        rejected=digest("x"),
    )


@pytest.mark.parametrize(
    "members",
    [
        {"scope": "a"},
        {"Account": "work"},
        {"account": ""},
        {"account": 7},
        {"account": ["work"]},
        {"account": "a/b"},
        {"scopes": "a b"},
        {"scopes": []},
        {"scopes": [""]},
        {"scopes": ["a b"]},
        {"scopes": ['a"']},
        {"scopes": ["a\\"]},
        {"scopes": ["é"]},
        {"scopes": ["a\n"]},
        {"scopes": ["x" * 513]},
        {"scopes": [None]},
        {"scopes": {"a": 1}},
        {"resource": "api"},
        {"resource": "https://x#f"},
        {"resource": "https://x/ y"},
        {"resource": "https://x/" + "y" * 2048},
        {"resource": ["https://x"]},
        {"min_ttl": -1},
        {"min_ttl": "300"},
        {"min_ttl": True},
        {"min_ttl": None},
        {"min_ttl": 86401},
        {"min_ttl": 10**400},
        {"rejected": ""},
        {"rejected": "c4n4ry"},
        {"rejected": "A" * 64},
        {"rejected": "0" * 65},
        {"rejected": digest("x") + "\n"},
    ],
)
def test_a_member_that_is_out_of_range_is_a_bad_request(
    members: dict[str, object],
) -> None:
    with pytest.raises(BadRequestError):
        wanted(**members)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"account=work",
        b'{"account": "c4n4ry"',
        b'{"account": "c4n4ry", "account": "c4n4ry"}',
        b'{"scopes": {"c4n4ry": "c4n4ry"}}',
        b'{"account": {"c4n4ry": 1}}',
        b'{"min_ttl": "c4n4ry"}',
        b'{"min_ttl": NaN}',
        b'{"min_ttl": 1e999}',
        b'{"min_ttl": ' + b"9" * 5000 + b"}",
        b'{"rejected": "c4n4ry\\ud800"}',
        b"\xff\xfe",
        b"[" * 50_000,
        b'{"account":' * 50_000,
    ],
)
def test_a_body_that_is_none_is_a_bad_request_that_quotes_no_value(
    body: bytes,
) -> None:
    with pytest.raises(BadRequestError) as caught:
        wire.token_wanted(wire.parse_body(body, wire.TokenBody))
    assert CANARY not in caught.value.what
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("name", ["\x1b[2J", "a\nb", "\u202e", "x" * 10_000, "\x00"])
def test_an_unknown_member_is_named_without_rewriting_a_terminal(name: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        wanted(**{name: 1})
    assert caught.value.what.isprintable()
    assert len(caught.value.what) <= 300


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
def test_no_member_of_any_type_causes_another_error(value: object) -> None:
    for name in ("account", "scopes", "resource", "min_ttl", "rejected", "more"):
        try:
            wanted(**{name: value})
        except BadRequestError as exc:
            assert exc.what  # noqa: PT017 - most values are refused, some are not


def test_a_request_body_does_not_show_its_secrets() -> None:
    store = wire.parse_body(
        json.dumps({"key": "passphrase", "passphrase": CANARY}).encode(),
        StoreBody,
    )
    assert CANARY not in repr(store)
    assert CANARY not in repr(UnlockBody(passphrase=CANARY))


# --- queries -----------------------------------------------------------------------


def test_flags_are_false_unless_they_are_true() -> None:
    assert wire.parse_flags({}, "a", "b") == {"a": False, "b": False}
    assert wire.parse_flags({"b": "true", "a": "false"}, "a", "b") == {
        "a": False,
        "b": True,
    }


@pytest.mark.parametrize(
    "pairs",
    [
        [("a", "")],
        [("a", "1")],
        [("a", "True")],
        [("c", "true")],
        [("A", "true")],
        [("a", "true"), ("a", "true")],
        [("a", "false"), ("a", "true")],
    ],
)
def test_any_other_flag_is_a_bad_request(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(BadRequestError):
        wire.parse_flags(MultiDict(pairs), "a", "b")
