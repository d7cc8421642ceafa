"""A line of the audit that has lain in the open, before it is taken into the log. Pure.

Any program of the person's could have written it: what is taken of it are the members
that an entry has, each made safe to show, and a mark.
"""

import msgspec

from broker.model.text import safe_text

_LONG_CHARACTERS = 1000
_OF_THE_LOG = "audit."
_GAP = "audit.gap"


class _Peer(msgspec.Struct, frozen=True, omit_defaults=True):
    uid: int
    pid: int | None = None
    has_exited: bool = False
    claims: dict[str, str] = {}
    guesses: dict[str, str] = {}


class _Line(msgspec.Struct, frozen=True, omit_defaults=True):
    at: float
    operation: str
    result: str
    unsealed: bool = False
    socket: str | None = None
    account: str | None = None
    scopes: str | None = None
    resource: str | None = None
    rule: str | None = None
    code: str | None = None
    detail: str | None = None
    times: int | None = None
    lost: int | None = None
    since: float | None = None
    peer: _Peer | None = None


def unsealed_body(line: bytes) -> bytes | None:
    """The body of a marked line, see `audit_body`; None where it is no entry."""
    try:
        found = msgspec.json.decode(line, type=_Line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if found.operation.startswith(_OF_THE_LOG) and found.operation != _GAP:
        return None  # of itself the log says what its files say
    marked = msgspec.structs.replace(found, unsealed=True)
    return msgspec.json.encode(_safe(msgspec.to_builtins(marked)))


def _safe(value: object) -> object:
    if isinstance(value, str):
        return safe_text(value, _LONG_CHARACTERS)
    if isinstance(value, dict):
        return {safe_text(str(name)): _safe(one) for name, one in value.items()}
    return value
