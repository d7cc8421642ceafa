"""Which of its key slots opens a store, and why none of the others does. Blocks.

Knows no file and no grant.
"""

from collections.abc import Collection, Sequence

from broker.model.errors import (
    KeySlotError,
    LockedError,
    StoreCorruptError,
    WrongPassphraseError,
)
from broker.model.secret import SecretBytes
from broker.store.keys.names import PASSPHRASE
from broker.store.keys.source import KeyParametersError, KeySource
from broker.store.schema import Header, KeySlot
from broker.store.sealer import keys_of
from broker.store.sealing import DataKeys, SealBrokenError


def recalled_keys(
    header: Header, slots: Sequence[KeySlot], sources: Sequence[KeySource]
) -> list[tuple[KeySlot, SecretBytes]]:
    """Each slot with the key that opens it; blocks.

    Raises:
        KeySlotError: a slot that none of `sources` opens.
    """
    return [(slot, _recalled(header, slot, sources)) for slot in slots]


def _recalled(
    header: Header, slot: KeySlot, sources: Sequence[KeySource]
) -> SecretBytes:
    what = "it must be opened for this"
    for source in sources:
        if source.name != slot.source:
            continue
        try:
            key = source.recall(slot.parameters)
            keys_of(header, slot, key)
        except LockedError as exc:
            what = exc.reason
        except (SealBrokenError, KeyParametersError):
            what = "what was given does not open it"
        else:
            return key
    raise KeySlotError(slot=slot.number, what=f"{slot.source}: {what}")


def recalled(
    header: Header, sources: Sequence[KeySource], path: str
) -> tuple[KeySlot, KeySource, DataKeys]:
    """The first slot that one of `sources` opens, with what is behind it; blocks.

    Raises:
        LockedError: no key can be had; the reason says why of each slot.
        WrongPassphraseError: a passphrase was given, and opens none.
        StoreCorruptError: what every slot says of its key is damaged.
    """
    faults: list[Exception] = []
    for slot in header.slots:
        for source in sources:
            if source.name != slot.source:
                continue
            try:
                keys = keys_of(header, slot, source.recall(slot.parameters))
            except SealBrokenError:
                faults.append(source.refused())
            except KeyParametersError:
                what = f"what it says of its {slot.source} key is damaged"
                faults.append(StoreCorruptError(path=path, what=what))
            except LockedError as exc:
                faults.append(exc)
            else:
                return slot, source, keys
    raise _told(faults, header, {source.name for source in sources})


def _told(
    faults: Sequence[Exception], header: Header, tried: Collection[str]
) -> Exception:
    """One error for all: a wrong passphrase first, since somebody has just typed it."""
    for fault in faults:
        if isinstance(fault, WrongPassphraseError):
            return fault
    reasons = [fault.reason for fault in faults if isinstance(fault, LockedError)]
    if faults and not reasons:
        return faults[0]
    recorded = {slot.source for slot in header.slots}
    if PASSPHRASE in recorded and PASSPHRASE not in tried:
        reasons.append("a passphrase is needed" if not reasons else "or a passphrase")
    if not reasons:
        known = ", ".join(sorted(recorded))
        return LockedError(reason=f"the key of the store is of another source: {known}")
    return LockedError(reason="; ".join(dict.fromkeys(reasons)))
