"""Text from strangers, made safe to show. Knows no terminal and no page."""

import unicodedata

_SHOWN_CHARACTERS = 200

# Cc: C0, DEL, C1 (0x9b starts an escape sequence). Cf: bidi controls, zero width,
# tags. Zl, Zp: line and paragraph separators. Co, Cs, Cn: private, surrogates, none.
_HIDDEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Co", "Cs", "Cn"})


def safe_text(text: str, limit: int = _SHOWN_CHARACTERS) -> str:
    """`text` on one line without anything that could rewrite a terminal or a log.

    Control, bidi and invisible characters become one space each; what is longer
    than `limit` characters ends in '…'.
    """
    if len(text) <= limit and text.isprintable():  # the usual, and quickly seen
        return text
    head = text[: limit + 1]
    shown = "".join(" " if unicodedata.category(c) in _HIDDEN else c for c in head)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def safe_name(text: str, limit: int = _SHOWN_CHARACTERS) -> str:
    """`text` as `safe_text`, but of what is longer both ends are kept.

    A path ends in what tells most, and whoever chooses the folders must not be able to
    have that cut off.
    """
    if len(text) > limit:
        end = limit * 2 // 3
        text = text[: limit - 1 - end] + "…" + text[-end:]
    return safe_text(text, limit)
