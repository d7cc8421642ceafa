"""The `fields` parameter of Google's APIs: which members an answer has. Pure."""

import re
from typing import TypeAlias

Selection: TypeAlias = "dict[str, Selection]"
"""Members by name, `*` for all; an empty one selects the whole value below."""

_LONGEST = 2000
_DEEPEST = 8
_TOKEN = re.compile(r"\s*([A-Za-z][A-Za-z0-9]*|[*(),/])\s*")


def parse_fields(text: str) -> Selection:
    """A selection from text such as `nextPageToken,files(id,name,owners/me)`.

    Raises:
        ValueError: it is malformed, too long or nested too deep.
    """
    if len(text) > _LONGEST:
        raise ValueError("the field selection is too long")
    tokens = _TOKEN.findall(text)
    if _TOKEN.sub("", text):
        raise ValueError("the field selection holds a stray character")
    selection = _parse_list(tokens := [*reversed(tokens)], depth=0)
    if tokens:
        raise ValueError("the field selection does not end where it should")
    return selection


def select(value: object, selection: Selection) -> object:
    """`value` with only the selected members; unknown ones select nothing."""
    if not selection:
        return value
    if isinstance(value, list):
        return [select(item, selection) for item in value]
    if not isinstance(value, dict):
        return value
    every = selection.get("*")
    return {
        name: select(member, selection.get(name, every or {}))
        for name, member in value.items()
        if name in selection or every is not None
    }


def _parse_list(tokens: list[str], depth: int) -> Selection:
    """One comma-separated list off the end of the reversed tokens."""
    if depth > _DEEPEST:
        raise ValueError("the field selection is nested too deep")
    selection: Selection = {}
    while True:
        _parse_item(tokens, depth, selection)
        if not tokens or tokens[-1] != ",":
            return selection
        tokens.pop()


def _parse_item(tokens: list[str], depth: int, into: Selection) -> None:
    if depth > _DEEPEST:
        raise ValueError("the field selection is nested too deep")
    name = tokens.pop() if tokens else ""
    if not name or name in "(),/":
        raise ValueError("the field selection lacks a name")
    below = into.setdefault(name, {})
    if tokens and tokens[-1] == "/":
        tokens.pop()
        _parse_item(tokens, depth + 1, below)
    elif tokens and tokens[-1] == "(":
        tokens.pop()
        below.update(_parse_list(tokens, depth + 1))
        if not tokens or tokens.pop() != ")":
            raise ValueError("the field selection lacks a closing parenthesis")
