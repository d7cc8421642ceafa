"""The chain of the audit's lines: each is bound to all before it. Pure.

A line is a JSON object of one line, whose first member is its number and whose last
its MAC in hex:

    {"seq":12,"at":…,"mac":"…64 hex…"}

The MAC is HMAC-SHA256, under a key that is sealed in the store, over the MAC of the
line before (32 bytes), the number (8 bytes, big-endian) and the line up to the comma
before "mac". A file's first line says what the chain was at: it holds the MAC of the
line before it as "after", and names its key, so that each file can be looked through
by itself.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence

import msgspec

from broker.model.secret import SecretBytes

NOTHING = bytes(32)
"""What goes before the first line of a chain."""

KEY_BYTES = 32
_KEY_NAME_DIGITS = 16

_LINE = re.compile(
    rb'(\{"seq":([1-9][0-9]{0,17}),.*),"mac":"([0-9a-f]{64})"\}', re.DOTALL
)

BEGIN, TORN, BROKEN = "audit.begin", "audit.torn", "audit.broken"
"""Operations of the chain's own lines: a file begins; the line before this one was cut
off by a crash; the end that was to be there was not."""


class End(msgspec.Struct, frozen=True, kw_only=True):
    """Where a chain is: the number and the MAC of its last line."""

    sequence: int = 0
    mac: bytes = NOTHING


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of the chain's own lines; of others, the operation alone."""

    operation: str = ""
    after: str = ""
    key: str = ""
    fragment: str = ""
    detail: str = ""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line as it is read: nothing of it is believed before `is_next` says so."""

    sequence: int
    signed: bytes
    mac: bytes


def chained(key: SecretBytes, end: End, body: bytes) -> tuple[bytes, End]:
    """The line for `body`, newline and all, and where the chain is after it.

    Args:
        key: of the chain.
        end: where it is now.
        body: a JSON object, from `audit_body`.
    """
    sequence = end.sequence + 1
    signed = b'{"seq":%d,' % sequence + body[1:-1]
    mac = _mac(key, end.mac, sequence, signed)
    line = signed + b',"mac":"' + mac.hex().encode() + b'"}\n'
    return line, End(sequence=sequence, mac=mac)


def parse_line(line: bytes) -> Line | None:
    """The line without its newline, or None where it is none of ours."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    mac = bytes.fromhex(found[3].decode())
    return Line(sequence=int(found[2]), signed=found[1], mac=mac)


def parse_own(line: Line) -> Own | None:
    """What an authentic line says of the chain itself."""
    try:
        return msgspec.json.decode(line.signed + b"}", type=Own)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def is_authentic(key: SecretBytes, before: bytes, line: Line) -> bool:
    """Whether the key's owner wrote this line after the one whose MAC is `before`."""
    expected = _mac(key, before, line.sequence, line.signed)
    return hmac.compare_digest(expected, line.mac)


def begin_of(key: SecretBytes, line: Line) -> End | None:
    """What a file's first line says of where the chain was, if it is authentic."""
    own = parse_own(line)
    if own is None or own.operation != BEGIN:
        return None
    try:
        before = bytes.fromhex(own.after)
    except ValueError:
        return None
    if not is_authentic(key, before, line):
        return None
    return End(sequence=line.sequence - 1, mac=before)


def end_of(key: SecretBytes, lines: Sequence[bytes]) -> End | None:
    """Where the chain is by the last of these lines; None where it is not authentic."""
    last = parse_line(lines[-1]) if lines else None
    if last is None:
        return None
    befores = [before.mac for before in map(parse_line, lines[-3:-1]) if before]
    is_begin = begin_of(key, last) is not None
    if not is_begin and not any(is_authentic(key, mac, last) for mac in befores):
        return None
    return End(sequence=last.sequence, mac=last.mac)


def key_name(key: SecretBytes) -> str:
    """A name of the key, which tells nothing of it."""
    digest = hmac.digest(key.reveal(), b"brokerd audit key name", "sha256")
    return digest.hex()[:_KEY_NAME_DIGITS]


def fragment_name(fragment: bytes) -> str:
    """What names a piece of a line that was cut off, so that it cannot be changed."""
    return hashlib.sha256(fragment).hexdigest()


def own_body(operation: str, at: float, **members: str) -> bytes:
    """The body of one of the chain's own lines."""
    return msgspec.json.encode(
        {"at": round(at, 3), "operation": operation, "result": "noted", **members}
    )


def _mac(key: SecretBytes, before: bytes, sequence: int, signed: bytes) -> bytes:
    message = before + sequence.to_bytes(8, "big") + signed
    return hmac.digest(key.reveal(), message, "sha256")
