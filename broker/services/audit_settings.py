"""What the store holds of the audit: its key, and where it begins and ends."""

from collections.abc import Callable
from contextlib import suppress

import msgspec

from broker.model.errors import SettingDamagedError
from broker.model.secret import SecretBytes
from broker.services.interfaces import GrantStore
from broker.store.audit_chain import KEY_BYTES, End
from broker.store.audit_check import Remembered

KEY_SETTING, HEAD_SETTING = "audit_key", "audit_head"


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    first: int
    sequence: int
    mac: str


async def audit_key(store: GrantStore, random: Callable[[int], bytes]) -> SecretBytes:
    """The key of the log; made where there is none, or it cannot be read.

    Raises:
        StoreFailedError: the disk refused.
    """
    with suppress(SettingDamagedError):  # a new one, which the log will say
        text = await store.load_setting(KEY_SETTING)
        if text is not None:
            return SecretBytes(bytes.fromhex(text))
    key = random(KEY_BYTES)
    await store.save_setting(KEY_SETTING, key.hex())
    return SecretBytes(key)


async def load_remembered(store: GrantStore) -> Remembered:
    """Where the log begins and ends, as far as that has been saved.

    Raises:
        SettingDamagedError: it cannot be read.
        StoreFailedError: the disk refused.
    """
    text = await store.load_setting(HEAD_SETTING)
    if text is None:
        return Remembered()
    head = msgspec.json.decode(text, type=_Head)
    end = End(sequence=head.sequence, mac=bytes.fromhex(head.mac))
    return Remembered(first=head.first, end=end)


async def save_remembered(store: GrantStore, found: Remembered) -> None:
    """On the disk when this returns.

    Raises:
        StoreFailedError: the disk refused.
    """
    end = found.end
    head = _Head(first=found.first, sequence=end.sequence, mac=end.mac.hex())
    await store.save_setting(HEAD_SETTING, msgspec.json.encode(head).decode())
