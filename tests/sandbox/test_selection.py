import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.sandbox.selection import parse_fields, select

LIST = {"kind": "list", "files": [{"id": "1", "owner": {"me": True, "name": "R"}}]}


@pytest.mark.parametrize(
    ("fields", "selected"),
    [
        ("*", LIST),
        ("kind", {"kind": "list"}),
        ("files(id)", {"files": [{"id": "1"}]}),
        ("files/id", {"files": [{"id": "1"}]}),
        ("files/id,files/owner/me", {"files": [{"id": "1", "owner": {"me": True}}]}),
        ("files( id , owner(me) )", {"files": [{"id": "1", "owner": {"me": True}}]}),
        ("files(*)", {"files": LIST["files"]}),
        ("nextPageToken", {}),
    ],
)
def test_a_selection_leaves_what_it_names(fields: str, selected: object) -> None:
    assert select(LIST, parse_fields(fields)) == selected


@pytest.mark.parametrize(
    "fields",
    ["", ",", "a,", "a(", "a()", "a(b", "a)b", "a/", "a b", "a;b", "(a)", "a" * 2001],
)
def test_a_malformed_selection_is_refused(fields: str) -> None:
    with pytest.raises(ValueError, match="field selection"):
        parse_fields(fields)


@pytest.mark.parametrize("fields", ["a(" * 900 + "a" + ")" * 900, "a/" * 900 + "a"])
def test_deep_nesting_is_refused_before_it_hurts(fields: str) -> None:
    with pytest.raises(ValueError, match="field selection"):
        parse_fields(fields)


@given(st.text("ab*(),/ ", max_size=40))
def test_what_is_a_selection_never_adds_anything(text: str) -> None:
    try:
        selection = parse_fields(text)
    except ValueError:
        return
    selected = select(LIST, selection)
    assert isinstance(selected, dict)
    assert set(selected) <= set(LIST)
