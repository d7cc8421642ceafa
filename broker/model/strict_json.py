"""JSON as strangers send it: duplicate keys, NaN and deep nesting are refused."""

import json
from typing import Never


def parse_json(data: bytes) -> object:
    """One JSON value from UTF-8 bytes.

    Raises:
        ValueError: not UTF-8, not JSON, nested too deep, a key twice in one
            object, half a surrogate pair, or a number that JSON does not have. The
            message holds no part of the input.
    """
    try:
        value: object = json.loads(
            data.decode(),
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
        )
        if b"\\u" in data:
            # Half a surrogate pair is no text: whoever encodes it later fails.
            json.dumps(value, ensure_ascii=False).encode()
    except (RecursionError, UnicodeDecodeError, UnicodeEncodeError) as exc:
        # From None: the decoder's message and its `doc` would carry the input.
        raise ValueError(_FAULTS[type(exc)]) from None
    except json.JSONDecodeError as exc:
        raise ValueError(f"not JSON at character {exc.pos}") from None
    return value


_FAULTS: dict[type[Exception], str] = {
    RecursionError: "nested too deep",
    UnicodeDecodeError: "not UTF-8",
    UnicodeEncodeError: "half a surrogate pair",
}


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return value


def _refuse_constant(_: str) -> Never:
    raise ValueError("a number that JSON does not have")
