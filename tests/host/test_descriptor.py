"""Bytes of security descriptors, put together here as MS-DTYP 2.4 says."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.host.descriptor import ADMINISTRATORS, SYSTEM, parse_access, parse_sid

USER = "S-1-5-21-1-2-4294967295-1001"
EVERYONE = "S-1-1-0"
ALLOW, DENY, ALLOW_IF = 0, 1, 9
INHERIT_ONLY = 0x0B


def sid(text: str) -> bytes:
    authority, *numbers = map(int, text.split("-")[2:])
    head = struct.pack(">BB", 1, len(numbers)) + authority.to_bytes(6, "big")
    return head + struct.pack(f"<{len(numbers)}I", *numbers)


def entry(who: str, kind: int = ALLOW, flags: int = 0) -> bytes:
    body = struct.pack("<I", 0x1F01FF) + sid(who)
    return struct.pack("<BBH", kind, flags, 4 + len(body)) + body


def descriptor(owner: str, entries: list[bytes] | None) -> bytes:
    """Self-relative: the header, the owner, the list; None makes no list."""
    control, at, body = 0x8000, 0, sid(owner)
    if entries is not None:
        control, at = control | 0x0004, 20 + len(body)
        size = 8 + sum(map(len, entries))
        body += struct.pack("<BBHHH", 2, 0, size, len(entries), 0) + b"".join(entries)
    return struct.pack("<BBHIIII", 1, 0, control, 20, 0, 0, at) + body


def others(*entries: bytes) -> str | None:
    return parse_access(descriptor(USER, list(entries))).others(USER)


@pytest.mark.parametrize("text", [USER, EVERYONE, SYSTEM, ADMINISTRATORS])
def test_a_sid_is_written_as_people_write_it(text: str) -> None:
    assert parse_sid(sid(text)) == text


def test_what_is_the_persons_alone_is_open_to_nobody_else() -> None:
    access = parse_access(descriptor(USER, [entry(USER)]))
    assert access.fault_of_owner(USER) is None
    assert access.others(USER) is None


def test_whoever_can_take_every_file_may_be_owner_and_on_the_list() -> None:
    for trusted in (SYSTEM, ADMINISTRATORS):
        access = parse_access(descriptor(trusted, [entry(USER), entry(trusted)]))
        assert access.fault_of_owner(USER) is None
        assert access.others(USER) is None


def test_another_owner_is_named() -> None:
    fault = parse_access(descriptor(EVERYONE, [])).fault_of_owner(USER)
    assert fault == f"belongs to user {EVERYONE}, not to {USER}"


def test_another_who_is_allowed_anything_is_named() -> None:
    assert others(entry(USER), entry(EVERYONE)) == EVERYONE
    assert others(entry("S-1-5-32-545"), entry(EVERYONE)) == f"{EVERYONE} S-1-5-32-545"


def test_who_is_allowed_only_what_is_made_inside_counts_too() -> None:
    assert others(entry(EVERYONE, ALLOW, INHERIT_ONLY)) == EVERYONE


def test_a_refusal_opens_nothing() -> None:
    assert others(entry(EVERYONE, DENY), entry(USER)) is None


def test_an_entry_that_is_not_understood_counts_as_another() -> None:
    assert others(entry(USER, ALLOW_IF)) == "an entry of type 9"


def test_no_list_at_all_is_open_to_everyone_and_an_empty_one_to_nobody() -> None:
    assert parse_access(descriptor(USER, None)).others(USER) == "everyone"
    assert others() is None


def test_a_descriptor_without_an_owner_is_refused() -> None:
    ownerless = struct.pack("<BBHIIII", 1, 0, 0x8000, 0, 0, 0, 0)
    with pytest.raises(ValueError, match="names no owner"):
        parse_access(ownerless)


def test_a_descriptor_that_is_cut_short_is_refused() -> None:
    whole = descriptor(USER, [entry(USER), entry(EVERYONE)])
    for length in range(len(whole)):
        with pytest.raises(ValueError, match="security descriptor"):
            parse_access(whole[:length])


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        parse_access(raw)
    except ValueError as exc:
        assert "security descriptor" in str(exc)  # noqa: PT017 - or it is read
