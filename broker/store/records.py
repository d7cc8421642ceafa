"""Grants and settings as bytes, before they are sealed. Knows no key and no file.

MessagePack, not JSON: it keeps every float as it is (JSON has no infinity, and a
moment that came back as null would cost a grant), and nobody is meant to read or
write these bytes by hand. A record says its format:

    {"format": 1, "grant": {"account": {...}, "version": int, ...}}
    {"format": 1, "setting": {"value": str}}
    {"format": 1, "head": {"digest": 32 bytes}}

A member that this version does not know is passed over, so that an older daemon reads
what a newer minor version wrote. A higher `format` is refused.
"""

from dataclasses import dataclass
from typing import Annotated, TypeVar

import msgspec

from broker.model.grant import Grant
from broker.model.secret import Secret

FORMAT = 1

T = TypeVar("T")


class RecordError(Exception):
    """These bytes are no record that this version can read. Holds no part of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    digest: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]


class _Record(msgspec.Struct, frozen=True, omit_defaults=True):
    format: int
    grant: msgspec.Raw = msgspec.Raw()
    setting: msgspec.Raw = msgspec.Raw()
    head: msgspec.Raw = msgspec.Raw()


def grant_record(grant: Grant) -> bytes:
    """The bytes of a grant, secrets in clear.

    Raises:
        RecordError: a text in it is not Unicode (a lone surrogate).
    """
    return _encoded(_Record(format=FORMAT, grant=msgspec.Raw(_encoded(grant))))


def parse_grant(data: bytes) -> Grant:
    """The grant again.

    Raises:
        RecordError: another format, or not a grant.
    """
    return _decoded(_record(data).grant, Grant)


def setting_record(value: str) -> bytes:
    """The bytes of a setting; the same error as `grant_record`."""
    setting = msgspec.Raw(_encoded(_Setting(value=value)))
    return _encoded(_Record(format=FORMAT, setting=setting))


def parse_setting(data: bytes) -> str:
    """The setting again; the same errors as `parse_grant`."""
    return _decoded(_record(data).setting, _Setting).value


def head_record(digest: bytes) -> bytes:
    """The bytes of a head."""
    head = msgspec.Raw(_encoded(_Head(digest=digest)))
    return _encoded(_Record(format=FORMAT, head=head))


def parse_head(data: bytes) -> bytes:
    """Its digest again; the same errors as `parse_grant`."""
    return _decoded(_record(data).head, _Head).digest


def _record(data: bytes) -> _Record:
    record = _decoded(data, _Record)
    if record.format > FORMAT:
        raise RecordError(f"format {record.format}")
    return record


def _encoded(value: object) -> bytes:
    try:
        return msgspec.msgpack.encode(value, enc_hook=_revealed, order="deterministic")
    except UnicodeEncodeError:
        # From None: the exception carries the text, which may be a token.
        raise RecordError("a text that is not Unicode") from None


def _decoded(data: bytes | msgspec.Raw, kind: type[T]) -> T:
    try:
        return msgspec.msgpack.decode(data, type=kind, dec_hook=_hidden)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # From None: a message of the decoder may quote what it met.
        raise RecordError(f"not a {kind.__name__.strip('_').lower()}") from None


def _revealed(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise NotImplementedError(type(value).__name__)


def _hidden(kind: type, value: object) -> object:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise TypeError(kind.__name__)  # which the decoder turns into its own error
