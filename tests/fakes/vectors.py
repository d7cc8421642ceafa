"""The request/reply pairs of clients/vectors, and how a reply is compared with one."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "clients" / "vectors"
_MORE = "..."


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """One pair. `repr` and pytest show its name.

    Attributes:
        file: such as 'token'.
        name: a phrase, unique in its file.
        assumes: fixtures, where they are other than the file's own; else None.
        method, path, headers: of the request.
        content: the request's body as it is sent, or None.
        as_text: whether the file gives that body as text: JSON cannot say it.
        status, reply_headers: of the reply.
        reply: the JSON of the reply with placeholders, or None for no body.
        text: the text of a reply that is not JSON, with placeholders.
        lines: the JSON of each line of a stream, with placeholders, or None.
    """

    file: str
    name: str
    assumes: str | None
    method: str
    path: str
    headers: Mapping[str, str]
    content: bytes | None
    as_text: bool
    status: int
    reply_headers: Mapping[str, str]
    reply: object
    text: str | None
    lines: list[object] | None

    def __repr__(self) -> str:
        return f"{self.file}: {self.name}"

    @property
    def request(self) -> object:
        """The decoded body; ValueError where it is not JSON."""
        return None if self.content is None else json.loads(self.content)

    @property
    def reply_code(self) -> str | None:
        """The code of the problem document that is the reply, or None."""
        reply = self.reply if isinstance(self.reply, dict) else {}
        code = reply.get("code")
        return code if isinstance(code, str) else None


def load_vectors() -> list[Vector]:
    """All of them, file by file."""
    return [
        _parse(path.stem, raw)
        for path in sorted(FOLDER.glob("*.json"))
        for raw in json.loads(path.read_text())["vectors"]
    ]


def _parse(file: str, raw: Mapping[str, object]) -> Vector:
    request, reply = raw["request"], raw["reply"]
    assert isinstance(request, dict)
    assert isinstance(reply, dict)
    unknown = (raw.keys() - {"name", "assumes", "request", "reply"}) | (
        request.keys() - {"method", "path", "headers", "body", "text"}
    )
    assert not unknown, f"{file}: {raw['name']}: {unknown}"
    content = request.get("text")
    if "body" in request:
        content = json.dumps(request["body"])
    assumes = raw.get("assumes")
    return Vector(
        file=file,
        name=str(raw["name"]),
        assumes=None if assumes is None else str(assumes),
        method=request["method"],
        path=request["path"],
        headers=request.get("headers", {}),
        content=None if content is None else content.encode(),
        as_text="text" in request,
        status=reply["status"],
        reply_headers=reply.get("headers", {}),
        reply=reply.get("body"),
        text=reply.get("text"),
        lines=reply.get("lines"),
    )


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_url(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("https://", "http://"))


def _is_filled(value: object) -> bool:
    return isinstance(value, str) and bool(value)


_KINDS: dict[str, tuple[object, Callable[[object], bool]]] = {
    "<token>": ("example-token", lambda v: _is_filled(v) and str(v).isascii()),
    "<text>": ("some text", _is_filled),
    "<texts>": (["one", "two"], _is_texts),
    "<text or null>": (None, lambda v: v is None or isinstance(v, str)),
    "<url>": ("http://127.0.0.1:43211/", _is_url),
    "<number>": (1767225600.5, _is_number),
    "<number or null>": (4102444800, lambda v: v is None or _is_number(v)),
    "<integer>": (4711, lambda v: _is_number(v) and isinstance(v, int)),
    "<boolean>": (True, lambda v: isinstance(v, bool)),
}


def example(pattern: object) -> object:
    """A value that `pattern` allows: every placeholder filled in."""
    if isinstance(pattern, dict):
        return {k: example(v) for k, v in pattern.items() if k != _MORE}
    if isinstance(pattern, list):
        return [example(v) for v in pattern]
    if isinstance(pattern, str) and pattern in _KINDS:
        return _KINDS[pattern][0]
    return pattern


def difference(pattern: object, value: object, at: str = "body") -> str | None:
    """Where `value` is not what `pattern` says; None where it is."""
    if isinstance(pattern, str) and pattern in _KINDS:
        fits = _KINDS[pattern][1](value)
        return None if fits else f"{at}: {value!r} is no {pattern}"
    if isinstance(pattern, dict) and isinstance(value, dict):
        return _members(pattern, value, at)
    if isinstance(pattern, list) and isinstance(value, list):
        if len(pattern) != len(value):
            return f"{at}: {len(value)} items instead of {len(pattern)}"
        found = (
            difference(p, v, f"{at}[{n}]")
            for n, (p, v) in enumerate(zip(pattern, value, strict=True))
        )
        return next(filter(None, found), None)
    same = pattern == value and type(pattern) is type(value)
    return None if same else f"{at}: {value!r} instead of {pattern!r}"


def _members(
    pattern: dict[str, object], value: dict[str, object], at: str
) -> str | None:
    expected = pattern.keys() - {_MORE}
    if missing := expected - value.keys():
        return f"{at}: without {sorted(missing)}"
    if _MORE not in pattern and (extra := value.keys() - expected):
        return f"{at}: with {sorted(extra)}"
    found = (difference(pattern[k], value[k], f"{at}.{k}") for k in sorted(expected))
    return next(filter(None, found), None)
