"""A picture (SVG) of what a terminal has shown. Knows the colours of one program."""

import re
from html import escape

_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
_SPINNER = re.compile(r"^[\u2800-\u28ff] ")
_WIDTH, _HEIGHT, _MARGIN = 8, 16, 12
_COLUMNS = 80
_FULL, _UPPER, _LOWER = "\u2588", "\u2580", "\u2584"


def as_svg(command: str, shown: str) -> str:
    """The lines that stay on the screen, under the command that was typed.

    Half blocks are drawn as squares, so that a QR code has no gaps in any font.
    """
    lines = [f"$ {command}", *_wrapped(_lines(shown))]
    height = len(lines) * _HEIGHT + 2 * _MARGIN
    width = _COLUMNS * _WIDTH + 2 * _MARGIN
    drawn = "\n".join(
        part for row, line in enumerate(lines) for part in _drawn(row, line) if part
    )
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">
<rect width="{width}" height="{height}" rx="8" fill="#111"/>
<g fill="#eee" font-family="monospace" font-size="13" shape-rendering="crispEdges">
{drawn}
</g>
</svg>
"""


def _lines(shown: str) -> list[str]:
    plain = [_CONTROLS.sub("", line) for line in shown.split("\n")]
    return [line for line in plain if not _SPINNER.match(line)]


def _wrapped(lines: list[str]) -> list[str]:
    wrapped = []
    for line in lines:
        while len(line) > _COLUMNS:
            cut = line.rfind(" ", 0, _COLUMNS) + 1 or _COLUMNS
            wrapped.append(line[:cut])
            line = line[cut:]  # noqa: PLW2901 - the rest of it
        wrapped.append(line)
    return wrapped


def _drawn(row: int, line: str) -> list[str]:
    top = _MARGIN + row * _HEIGHT
    if not set(line) & {_FULL, _UPPER, _LOWER}:
        text = escape(line.rstrip())
        return [
            f'<text x="{_MARGIN}" y="{top + 12}" xml:space="preserve">{text}</text>'
        ]
    return [
        *_runs(line, {_FULL, _UPPER}, top),
        *_runs(line, {_FULL, _LOWER}, top + _HEIGHT // 2),
    ]


def _runs(line: str, light: set[str], top: int) -> list[str]:
    """One row of modules, neighbours in one rectangle."""
    bits = "".join("1" if c in light else "0" for c in line)
    return [
        f'<rect x="{_MARGIN + run.start() * _WIDTH}" y="{top}" '
        f'width="{len(run[0]) * _WIDTH}" height="{_HEIGHT // 2}"/>'
        for run in re.finditer("1+", bits)
    ]
