import pytest

from broker.oauth.grammar import is_scope_token, is_token, is_vschars


@pytest.mark.parametrize("text", ["a", "a b", '~!"\\'])
def test_rfc6749_appendix_a_vschar_is_printable_ascii(text: str) -> None:
    assert is_vschars(text)


@pytest.mark.parametrize("text", ["", "a\n", "\x7f", "é", "\x00", "a\ud800"])
def test_nothing_else_is_vschar(text: str) -> None:
    assert not is_vschars(text)
    assert not is_token(text)


@pytest.mark.parametrize("text", ["openid", "https://x.example/a?b,c"])
def test_rfc6749_section_3_3_a_scope_has_no_space_quote_or_backslash(text: str) -> None:
    assert is_scope_token(text)
    assert not is_scope_token(text + " ")
    assert not is_scope_token(text + '"')
    assert not is_scope_token(text + "\\")


def test_a_token_is_one_word() -> None:
    assert is_token("ya29.a0-_~+/=")
    assert not is_token("two words")
