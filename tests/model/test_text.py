"""Text of strangers, made safe to show."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.model.text import safe_name, safe_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words", "plain words"),
        ("Grüße, 你好, ✓", "Grüße, 你好, ✓"),
        ("", ""),
        ("a\nb\r\nc\td", "a b  c d"),
        ("\x1b[2J\x1b]8;;https://evil\x07", " [2J ]8;;https://evil "),
        ("\x9b31m", " 31m"),
        ("user\u202egnp.exe", "user gnp.exe"),
        ("a\u2066b\u2069", "a b "),
        ("a\u200bb\ufeffc\U000e0041", "a b c "),
        ("a\u2028b\u2029c", "a b c"),
        ("\x00\x7f", "  "),
        ("\ue000\U0010ffff", "  "),
        ("\ud800", " "),
    ],
)
def test_what_could_rewrite_a_terminal_becomes_a_space(text: str, shown: str) -> None:
    assert safe_text(text) == shown


def test_a_text_of_exactly_the_limit_is_whole() -> None:
    assert safe_text("x" * 200) == "x" * 200
    assert safe_text("x" * 201) == "x" * 199 + "…"
    assert safe_text("abcdef", limit=3) == "ab…"


def test_of_a_long_name_both_ends_are_shown() -> None:
    name = "/home/ann/" + "x" * 300 + "/evil"
    shown = safe_name(name)
    assert len(shown) == 200
    assert shown.startswith("/home/ann/xxx")
    assert shown.endswith("x/evil")
    assert "x…x" in shown
    assert safe_name("/usr/bin/curl") == "/usr/bin/curl"
    assert safe_name("x" * 199 + "\n") == "x" * 199 + " "


@given(st.text(st.characters(), max_size=400))
def test_whatever_comes_fits_on_one_line_of_utf_8(text: str) -> None:
    shown = safe_text(text)
    assert len(shown) <= 200
    assert "\n" not in shown
    shown.encode()
    hidden = {"Cc", "Cf", "Zl", "Zp", "Co", "Cs", "Cn"}
    assert not any(unicodedata.category(c) in hidden for c in shown)


@given(st.text(max_size=400))
def test_what_is_safe_stays_as_it_is(text: str) -> None:
    assert safe_text(safe_text(text)) == safe_text(text)
