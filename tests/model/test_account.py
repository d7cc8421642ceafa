"""Account names: what a person may call an account."""

import pytest

from broker.model.account import parse_account_name
from broker.model.errors import BadRequestError


@pytest.mark.parametrize(
    "name",
    ["a", "Z", "0", "work", "alice@example.com", "a.b_c-d+e", "x" * 128, "a..", "a-"],
)
def test_a_name_is_taken_as_it_is(name: str) -> None:
    assert parse_account_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "x" * 129,
        "-work",
        "--help",
        ".hidden",
        "..",
        "../../etc",
        "a/b",
        "a b",
        "a\n",
        "\na",
        "a\x00",
        "é",
        "work\u202e",
        "a'b",
        'a"b',
        "a;b",
        "a%2fb",
        "a\ud800",
        "{account}",
        "@a",
        "+a",
        "_a",
        "٣",
    ],
)
def test_any_other_name_is_a_bad_request_that_does_not_quote_it(name: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_account_name(name)
    assert "account name" in caught.value.what
    assert len(name) < 3 or name not in caught.value.what
