"""The character sets of RFC 6749 appendix A. Knows no message."""

import re

_VSCHARS = re.compile(r"[\x20-\x7e]+")
_NQCHARS = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_TOKEN_CHARS = re.compile(r"[\x21-\x7e]+")


def is_vschars(text: str) -> bool:
    """Whether `text` is one or more printable ASCII characters (VSCHAR)."""
    return _VSCHARS.fullmatch(text) is not None


def is_scope_token(text: str) -> bool:
    """Whether `text` is one scope (RFC 6749 section 3.3)."""
    return _NQCHARS.fullmatch(text) is not None


def is_token(text: str) -> bool:
    """Whether `text` can stand behind `Authorization: Bearer`.

    VSCHAR without the space: a token is one word of a header line.
    """
    return _TOKEN_CHARS.fullmatch(text) is not None
