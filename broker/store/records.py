"""Grants and settings as bytes, before they are sealed. Knows no key and no file.

MessagePack, not JSON: it keeps every float as it is (JSON has no infinity, and a
moment that came back as null would cost a grant), and nobody is meant to read or
write these bytes by hand. A record says its format:

    {"format": 1, "grant": {"account": {...}, "version": int, ...}}
    {"format": 1, "setting": {"value": str}}
    {"format": 1, "head": {"digest": 32 bytes}}

A member that this version does not know is passed over and kept in the next save of the
same sign-in, so that an older daemon reads what a newer minor version wrote, and spoils
nothing of it. A higher `format` is refused.
"""

from typing import Annotated, TypeVar

import msgspec

from broker.model.grant import Grant
from broker.model.secret import Secret

FORMAT = 1


_OF_THE_PERSON = frozenset({"parameters", "claims"})
"""Members whose own members are names of the person's choice."""


class RecordError(Exception):
    """These bytes are no record that this version can read. Holds no part of them."""


class _Setting(msgspec.Struct, frozen=True, kw_only=True):
    value: str


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    digest: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]


class _GrantRecord(msgspec.Struct, frozen=True):
    format: int
    grant: Grant


class _SettingRecord(msgspec.Struct, frozen=True):
    format: int
    setting: _Setting


class _HeadRecord(msgspec.Struct, frozen=True):
    format: int
    head: _Head


_Record = TypeVar("_Record", _GrantRecord, _SettingRecord, _HeadRecord)


def grant_record(grant: Grant) -> bytes:
    """The bytes of a grant, secrets in clear.

    Raises:
        RecordError: a text in it is not Unicode (a lone surrogate).
    """
    return _encoded(_GrantRecord(format=FORMAT, grant=grant))


def parse_grant(data: bytes) -> Grant:
    """The grant again.

    Raises:
        RecordError: another format, or not a grant.
    """
    return _decoded(data, _GrantRecord).grant


def grant_record_over(grant: Grant, before: bytes) -> bytes:
    """The bytes of a grant that takes the place of `before`, a record of that account.

    What this version does not know in `before` is kept, unless the person has signed
    in anew: then it was said of another refresh token.

    Raises:
        RecordError: as for `grant_record`.
    """
    record = grant_record(grant)
    try:
        old = msgspec.msgpack.decode(before)["grant"]
        is_same_sign_in = old["granted_at"] == grant.granted_at
    except (msgspec.DecodeError, KeyError, TypeError):
        return record
    new = msgspec.msgpack.decode(record)
    if is_same_sign_in and _take_unknown(new["grant"], old):
        return msgspec.msgpack.encode(new, order="deterministic")
    return record


def _take_unknown(new: dict[str, object], old: dict[str, object]) -> bool:
    """Put what `new` has not into it; whether there was anything.

    Every member that this version knows is in `new`, be it null.
    """
    unknown = {name: value for name, value in old.items() if name not in new}
    has_taken = bool(unknown)
    for name, value in new.items():
        before = old.get(name)
        if name in _OF_THE_PERSON:
            continue
        if isinstance(value, dict) and isinstance(before, dict):
            has_taken |= _take_unknown(value, before)
    new.update(unknown)
    return has_taken


def setting_record(value: str) -> bytes:
    """The bytes of a setting; the same error as `grant_record`."""
    return _encoded(_SettingRecord(format=FORMAT, setting=_Setting(value=value)))


def parse_setting(data: bytes) -> str:
    """The setting again; the same errors as `parse_grant`."""
    return _decoded(data, _SettingRecord).setting.value


def head_record(digest: bytes) -> bytes:
    """The bytes of a head."""
    return _encoded(_HeadRecord(format=FORMAT, head=_Head(digest=digest)))


def parse_head(data: bytes) -> bytes:
    """Its digest again; the same errors as `parse_grant`."""
    return _decoded(data, _HeadRecord).head.digest


def _encoded(record: object) -> bytes:
    try:
        return msgspec.msgpack.encode(record, enc_hook=_revealed, order="deterministic")
    except UnicodeEncodeError:
        # From None: the exception carries the text, which may be a token.
        raise RecordError("a text that is not Unicode") from None


def _decoded(data: bytes, kind: type[_Record]) -> _Record:
    try:
        record = msgspec.msgpack.decode(data, type=kind, dec_hook=_hidden)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # From None: a message of the decoder may quote what it met.
        raise RecordError("no record of this kind") from None
    if record.format > FORMAT:
        raise RecordError(f"format {record.format}")
    return record


def _revealed(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise NotImplementedError(type(value).__name__)


def _hidden(kind: type, value: object) -> object:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise TypeError(kind.__name__)  # which the decoder turns into its own error
