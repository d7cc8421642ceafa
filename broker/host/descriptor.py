"""Windows security descriptors, as bytes: whose a file is, and who may use it.

Pure. Bytes, not their text form: that writes some users by names of two letters.

Source: MS-DTYP 2.4.2.2 (SID), 2.4.4 (entries), 2.4.5 (list), 2.4.6 (descriptor).
"""

import struct
from collections.abc import Iterator

import msgspec

SYSTEM = "S-1-5-18"
ADMINISTRATORS = "S-1-5-32-544"

_WITH_THEIR_KEYS = frozenset({SYSTEM, ADMINISTRATORS})
"""Who can take every file of the machine, as root can. Windows puts them on the lists
of a person's own folders, and makes administrators the owner of what one makes."""

_DESCRIPTOR = struct.Struct("<BBHIIII")
"""revision, padding, control, where owner, group, audit list and access list begin."""

_LIST = struct.Struct("<BxHHxx")
"""revision, size, number of entries."""

_ENTRY = struct.Struct("<BBHI")
"""type, flags, size, rights; then the SID."""

_SID = struct.Struct(">BB6s")
"""revision, how many further numbers, the authority; then the numbers."""

_HAS_LIST = 0x0004
_ALLOWS = 0x00
_DENIES = 0x01


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Whose a file is, and who is on its access list.

    Attributes:
        owner: a SID, such as 'S-1-5-18'.
        allowed: the SIDs that are allowed anything, be it on what is made inside;
            None where there is no list, and so everyone is allowed everything.
    """

    owner: str
    allowed: tuple[str, ...] | None

    def fault_of_owner(self, user: str) -> str | None:
        """Why it is not the user's, or None."""
        if self.owner == user or self.owner in _WITH_THEIR_KEYS:
            return None
        return f"belongs to user {self.owner}, not to {user}"

    def others(self, user: str) -> str | None:
        """Who else may use it, or None where nobody may."""
        if self.allowed is None:
            return "everyone"
        others = set(self.allowed) - _WITH_THEIR_KEYS - {user}
        return " ".join(sorted(others)) or None


def parse_access(descriptor: bytes) -> Access:
    """What a self-relative security descriptor says.

    Raises:
        ValueError: it is not whole, or has no owner.
    """
    try:
        _, _, control, owner_at, _, _, list_at = _DESCRIPTOR.unpack_from(descriptor)
        if not owner_at:
            raise ValueError("the security descriptor names no owner")
        allowed = None
        if control & _HAS_LIST and list_at:
            allowed = tuple(_allowed(descriptor[list_at:]))
        return Access(owner=parse_sid(descriptor[owner_at:]), allowed=allowed)
    except struct.error as exc:
        raise ValueError("the security descriptor is not whole") from exc


def parse_sid(raw: bytes) -> str:
    """A SID as people write it: 'S-1-', the authority, the numbers.

    Raises:
        struct.error: it is not whole.
    """
    revision, count, authority = _SID.unpack_from(raw)
    numbers = struct.unpack_from(f"<{count}I", raw, _SID.size)
    parts = (revision, int.from_bytes(authority, "big"), *numbers)
    return "S-" + "-".join(str(part) for part in parts)


def _allowed(raw: bytes) -> Iterator[str]:
    _, _, count = _LIST.unpack_from(raw)
    at = _LIST.size
    for _ in range(count):
        kind, _, size, _ = _ENTRY.unpack_from(raw, at)
        if kind == _ALLOWS:
            yield parse_sid(raw[at + _ENTRY.size : at + size])
        elif kind != _DENIES:
            # Entries with conditions, and of objects: nothing of ours makes them.
            yield f"an entry of type {kind}"
        at += size
