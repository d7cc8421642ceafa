"""What `doctor` can look at where no daemon runs. Changes nothing, asks for no key."""

from broker.host import state_directory
from broker.host.premises import look_at_premises
from broker.model.errors import StoreCorruptError, StoreFailedError
from broker.model.finding import Finding, Level
from broker.services.premises_findings import premises_findings
from broker.services.store_findings import corrupt_finding, no_store_finding
from broker.store.door import STORE_NAME, FileDoor


def examined() -> tuple[Finding, ...]:
    """Folders and disk, and as much of the store as is in clear."""
    return (
        Finding(
            check="daemon",
            level=Level.OK,
            what="brokerd does not run; most other commands start it, and then this "
            "one can look into the store",
        ),
        *premises_findings(look_at_premises(is_daemon=False)),
        _store(),
    )


def _store() -> Finding:
    door = FileDoor(state_directory() / STORE_NAME)
    if not door.exists():
        return no_store_finding()
    try:
        slots = door.slots()
    except StoreCorruptError as exc:
        return corrupt_finding(f"the store cannot be read: {exc.what}")
    except StoreFailedError as exc:
        return Finding(check="store", level=Level.ERROR, what=exc.what)
    named = ", ".join(f"{slot.number} {slot.source}" for slot in slots)
    what = f"there is a store; it can be opened through: {named}"
    return Finding(check="store", level=Level.OK, what=what)
