"""What the status says of the store, as in clients/PROTOCOL.md. Pure."""

from broker.model.store import Health, Slot
from broker.services.resaving import Degraded


def slot_reply(slot: Slot) -> dict[str, object]:
    """One key slot."""
    return {"slot": slot.number, "source": slot.source, "in_use": slot.is_in_use}


def health_reply(health: Health | None) -> dict[str, object]:
    """What the open store says of itself; null while it is not open."""
    return {
        "generation": None if health is None else health.generation,
        "old_copy": None if health is None else health.is_old_copy,
        "altered": None if health is None else health.is_altered,
        "damaged_records": None if health is None else health.damaged,
    }


def degraded_reply(degraded: Degraded | None) -> dict[str, object] | None:
    """What is in memory alone, or null."""
    if degraded is None:
        return None
    return {
        "unsaved": list(degraded.accounts),
        "since": degraded.since,
        "what": degraded.what,
    }
