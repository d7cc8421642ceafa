"""The real DPAPI: what it seals, and what it does not open."""

import json

import pytest

from broker.host.dpapi import WindowsProtector
from broker.model.errors import LockedError
from broker.model.secret import SecretBytes
from broker.store.keys.dpapi import Dpapi

STORE_ID = b"one store of our"
OTHER_ID = b"one more of ours"
KEY = SecretBytes(bytes(range(32)))


def sealed() -> bytes:
    return WindowsProtector().protect(KEY, STORE_ID)


def test_a_key_is_sealed_and_opened() -> None:
    assert KEY.reveal() not in sealed()
    assert WindowsProtector().unprotect(sealed(), STORE_ID) == KEY


def test_zero_bytes_in_key_and_entropy_are_kept() -> None:
    key, entropy = SecretBytes(b"a\0key" * 6 + b"\0\0"), b"\0entropy\0"
    blob = WindowsProtector().protect(key, entropy)
    assert WindowsProtector().unprotect(blob, entropy) == key
    with pytest.raises(OSError, match=r"\w"):
        WindowsProtector().unprotect(blob, b"\0entropy")


@pytest.mark.parametrize("entropy", [OTHER_ID, STORE_ID[:-1], b""])
def test_another_entropy_is_refused(entropy: bytes) -> None:
    with pytest.raises(OSError, match=r"\w"):
        WindowsProtector().unprotect(sealed(), entropy)


def test_a_blob_that_is_cut_short_is_refused() -> None:
    whole = sealed()
    for length in (1, 40, len(whole) // 2, len(whole) - 1):
        with pytest.raises(OSError, match=r"\w"):
            WindowsProtector().unprotect(whole[:length], STORE_ID)


def test_a_changed_blob_never_opens_to_another_key() -> None:
    """Where its head has changed, which holds no key, it may open still."""
    whole, refused = sealed(), 0
    for at in range(len(whole)):
        changed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        try:
            opened = WindowsProtector().unprotect(changed, STORE_ID)
        except OSError:
            refused += 1
        else:
            assert opened == KEY
    assert refused > len(whole) / 2


def test_a_key_recorded_for_another_store_leaves_this_one_locked() -> None:
    made = Dpapi(WindowsProtector()).make(bytes, STORE_ID)
    recorded = {**json.loads(made.parameters), "store": OTHER_ID.hex()}
    with pytest.raises(LockedError, match=r"Windows does not open the key: \w"):
        Dpapi(WindowsProtector()).recall(json.dumps(recorded))
