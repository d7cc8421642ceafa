import pytest

from broker.control.foreign.found import ForeignFileError
from broker.control.foreign.marked import (
    Marked,
    parse_ini,
    parse_mappings,
    without_lines,
)


def test_ini_knows_the_lines_of_each_value() -> None:
    data = b"# note\n[A b]\nKey = one\n  two\n; note\nother: x = y\n\n[c]\nkey=\n"
    assert parse_ini(data) == {
        "A b": {
            "key": Marked(value="one two", lines=(2, 3)),
            "other": Marked(value="x = y", lines=(5,)),
        },
        "c": {"key": Marked(value="", lines=(8,))},
    }


def test_yaml_of_mappings_is_texts_by_the_way_to_them() -> None:
    data = b'# note\n---\na:\n  "b": c # why\n  d:\n    e: \'f: g\'\nh: "true"\n'
    assert {path: m.value for path, m in parse_mappings(data).items()} == {
        ("a",): "",
        ("a", "b"): "c",
        ("a", "d"): "",
        ("a", "d", "e"): "f: g",
        ("h",): "true",
    }


@pytest.mark.parametrize(
    "text",
    [
        "a: &x b",
        "a: *x",
        "a: !tag b",
        "a: |",
        "a: [b, c]",
        "a: {b: c}",
        "- a: b",
        "a:\n  - b",
        "<<: *x",
        "? a",
        "a: b\na: c",
        'a: "b\\x41"',
        "a: 'b",
        "\ta: b",
    ],
)
def test_what_goes_beyond_mappings_of_texts_is_refused(text: str) -> None:
    with pytest.raises(ForeignFileError, match="line"):
        parse_mappings(text.encode() + b"\n")


def test_what_gh_leaves_after_a_log_out_holds_nothing() -> None:
    assert parse_mappings(b"{}") == {}
    assert parse_mappings(b"{}\n") == {}


@pytest.mark.parametrize("parse", [parse_ini, parse_mappings])
def test_a_last_line_without_an_end_may_be_half_a_token(parse: object) -> None:
    assert callable(parse)
    with pytest.raises(ForeignFileError, match="cut off"):
        parse(b"a: b")


def test_lines_are_cut_out_and_the_others_stay_as_they_are() -> None:
    data = b"a\r\n\xff b\nc\n"
    assert without_lines(data, frozenset({0, 2})) == b"\xff b\n"
