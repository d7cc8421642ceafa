"""Configuration files line by line: what stands where, so that a secret can be cut out.

Two formats, each as far as the tools that are read here write them and no further: INI,
and YAML of mappings and texts. What goes beyond is refused, so a tag of YAML's, an
anchor or a bomb of them is never more than a file that cannot be read. A whole YAML
library would be a dependency for two files of known shape.
"""

import re
from collections.abc import Mapping

import msgspec

from broker.control.foreign.found import ForeignFileError

_MOST_LINES = 20_000
_DEEPEST = 16

_LONGEST_VALUE = 1024 * 1024

# The spaces behind a key are cut off afterwards: an expression that could end before
# each of them takes hours for a line of a million.
_SECTION = re.compile(r"\[([^\]]+)\]\s*")
_KEY = re.compile(r"([^=:\s][^=:]*)[=:](.*)")
_YAML_LINE = re.compile(
    r"""( *)("[^"]*"\s*|'[^']*'\s*|[^\s'"#:&*!|>%@`{}\[\],?-][^:#]*):"""
    r"(?:\s+(.*))?"
)
_YAML_LITERAL = re.compile(r"[|>&*!%@`{\[]|- |-$|\? ")

# glab has written it before tokens for years: its YAML library knows no other way to
# keep a text that was null before.
_GLAB_NULL = "!!null "

_NO_MAPPINGS = b"{}"
"""What gh leaves when the person has logged out of the last host."""


class Marked(msgspec.Struct, frozen=True, kw_only=True):
    """A value, and the lines of the file it stands in, counted from 0."""

    value: str
    lines: tuple[int, ...]


Sections = Mapping[str, Mapping[str, Marked]]


def parse_ini(data: bytes) -> Sections:
    """Sections of keys in small letters; lines that are indented go on with a value."""
    sections: dict[str, dict[str, Marked]] = {}
    section: dict[str, Marked] = {}
    key = None
    for number, line in enumerate(_lines(data)):
        if not line.strip() or line.lstrip().startswith(("#", ";")):
            continue
        if line[0] in " \t" and key is not None:
            section[key] = _longer(section[key], line.strip(), number)
        elif found := _SECTION.fullmatch(line):
            section, key = sections.setdefault(found[1], {}), None
        elif found := _KEY.fullmatch(line):
            key = found[1].strip().lower()
            section[key] = Marked(value=found[2].strip(), lines=(number,))
        else:
            raise ForeignFileError(f"cannot be read at line {number + 1}")
    return sections


def parse_mappings(data: bytes) -> Mapping[tuple[str, ...], Marked]:
    """YAML of mappings whose values are texts on one line: each by the keys to it."""
    if data.strip() == _NO_MAPPINGS:
        return {}
    values: dict[tuple[str, ...], Marked] = {}
    path: list[tuple[int, str]] = []
    for number, line in enumerate(_lines(data)):
        if not line.strip() or line.lstrip().startswith("#") or line == "---":
            continue
        found = _YAML_LINE.fullmatch(line)
        if found is None:
            raise ForeignFileError(f"cannot be read at line {number + 1}")
        indent, key, text = len(found[1]), _bare(found[2], number), found[3] or ""
        while path and path[-1][0] >= indent:
            path.pop()
        path.append((indent, key))
        where = tuple(key for _, key in path)
        if len(path) > _DEEPEST or where in values:
            raise ForeignFileError(
                f"has a key twice, or too deep, at line {number + 1}"
            )
        values[where] = Marked(value=_bare(text, number), lines=(number,))
    return values


def without_lines(data: bytes, lines: frozenset[int]) -> bytes:
    """The file as it is but for these lines, counted from 0."""
    kept = enumerate(data.splitlines(keepends=True))
    return b"".join(line for number, line in kept if number not in lines)


def _lines(data: bytes) -> list[str]:
    if data and not data.endswith(b"\n"):
        # Half a token would be taken for a whole one.
        raise ForeignFileError("is cut off: its last line has no end")
    # Not str.splitlines: it breaks at more than a file's lines, and the numbers count.
    try:
        lines = [line.decode() for line in data.splitlines()]
    except UnicodeDecodeError:
        raise ForeignFileError("is no text in UTF-8") from None
    if len(lines) > _MOST_LINES or b"\0" in data:
        raise ForeignFileError("is no configuration file")
    return lines


def _longer(marked: Marked, text: str, number: int) -> Marked:
    value = f"{marked.value} {text}".strip()
    if len(value) > _LONGEST_VALUE:
        raise ForeignFileError(f"has a value without end at line {number + 1}")
    return Marked(value=value, lines=(*marked.lines, number))


def _bare(text: str, number: int) -> str:
    text = text.strip().removeprefix(_GLAB_NULL)
    if text[:1] in {'"', "'"}:
        inner = text[1:-1]
        if len(text) < 2 or text[-1] != text[0] or text[0] in inner or "\\" in inner:  # noqa: PLR2004 - both quotes
            raise ForeignFileError(f"cannot be read at line {number + 1}")
        return inner
    if _YAML_LITERAL.match(text):
        raise ForeignFileError(f"has more than plain text at line {number + 1}")
    return re.split(r"\s#", text, maxsplit=1)[0].strip()
