"""What is to be said of the store and its keys. Pure: looks at nothing itself."""

from collections.abc import Iterator, Sequence

from broker.model.finding import Finding, Level
from broker.model.store import Health, Slot, SourceFacts
from broker.services.resaving import Degraded
from broker.store.keys.names import DESCRIPTIONS, PASSPHRASE, PLAIN, automatic_choice

_SETTLED = "`brokerctl key rotate --data` takes what is there for what is right"

_SIGN_IN_AGAIN = (
    "`brokerctl accounts` shows which are there; sign in to the others again, or bring "
    "back a backup with `brokerctl restore FILE --set-aside`"
)


def locked_finding(reason: str) -> Finding:
    """The store is there, and is not open."""
    return Finding(
        check="store",
        level=Level.WARNING,
        what=f"the store is locked: {reason}",
        hint="run `brokerctl unlock`",
    )


def corrupt_finding(what: str) -> Finding:
    """What is there cannot be read."""
    return Finding(
        check="store",
        level=Level.ERROR,
        what=what,
        hint="nothing was changed; `brokerctl restore FILE --set-aside` puts a backup "
        "in its place, `brokerctl init --set-aside` a new store; where you put a good "
        "copy there by hand, `brokerctl unlock` opens it",
    )


def no_store_finding() -> Finding:
    """Nobody has signed in yet."""
    return Finding(
        check="store",
        level=Level.OK,
        what="there is no store yet: the first sign-in makes one, or `brokerctl init`",
    )


def new_store_note(source: str) -> str:
    """The first sign-in has made a store under a key of this source."""
    note = f"made a store for your grants (key source: {source})"
    if source == PLAIN:
        note += ": a key file, so whoever can read your files can open it"
    return note


def open_findings(
    health: Health, page_fault: str | None, degraded: Degraded | None
) -> Iterator[Finding]:
    """The store is open.

    Args:
        health: how it was found.
        page_fault: what is wrong with the pages of the file, or None.
        degraded: what is in memory alone, or None.
    """
    faults = [
        *_content_faults(health),
        *([_page_fault(page_fault)] if page_fault else []),
        *([_degraded(degraded)] if degraded else []),
    ]
    if not faults:
        noted = "none yet" if health.remembered is None else health.remembered
        what = (
            f"the store is open and whole; it has seen {health.generation} writes; "
            f"noted outside of it when it was opened: {noted}"
        )
        yield Finding(check="store", level=Level.OK, what=what)
    yield from faults


def _content_faults(health: Health) -> Iterator[Finding]:
    if health.damaged:
        yield Finding(
            check="store",
            level=Level.ERROR,
            what=f"{health.damaged} records do not open: their accounts are missing",
            hint=_SIGN_IN_AGAIN,
        )
    if health.is_altered:
        yield Finding(
            check="store",
            level=Level.ERROR,
            what="records are missing, or are not those that were saved",
            hint=f"somebody has changed the file, or the disk has; {_SIGN_IN_AGAIN}; "
            f"{_SETTLED}",
        )
    if health.is_old_copy:
        yield Finding(
            check="store",
            level=Level.WARNING,
            what="an older copy was put in the place of the store: it had seen fewer "
            f"than the {health.remembered} writes that were noted",
            hint="each sign-in is tried with the refresh token of the copy; where the "
            f"issuer has given a newer one since, sign in again; {_SETTLED}",
        )


def _page_fault(what: str) -> Finding:
    return Finding(
        check="store",
        level=Level.ERROR,
        what=f"the pages of the file are damaged: {what}",
        hint="the disk may be failing: `brokerctl backup FILE` onto another one, then "
        "`brokerctl restore FILE --set-aside`",
    )


def _degraded(degraded: Degraded) -> Finding:
    names = ", ".join(degraded.accounts)
    return Finding(
        check="store",
        level=Level.ERROR,
        what=f"the newest sign-ins of {names} are in memory alone: {degraded.what}",
        hint="make room or mend the disk before the daemon ends; they are saved by "
        "themselves then",
    )


def key_findings(
    slots: Sequence[Slot], sources: Sequence[SourceFacts]
) -> Iterator[Finding]:
    """Where the key is, why there, and how many ways in there are.

    Args:
        slots: of the store, at least one.
        sources: every one of this system, the best first.
    """
    yield from _better(slots, sources)
    named = ", ".join(f"{slot.number} {slot.source}" for slot in slots)
    what = f"the ways to open the store: {named}"
    # With a key file, whoever has a copy of the folder has the way in, too; and a
    # passphrase is kept by the person.
    if len(slots) == 1 and slots[0].source not in (PLAIN, PASSPHRASE):
        yield Finding(
            check="slots",
            level=Level.WARNING,
            what=f"{what}; where that is lost, so is the store",
            hint="add a passphrase for that day: `brokerctl key add passphrase`",
        )
    else:
        yield Finding(check="slots", level=Level.OK, what=what)


def _better(slots: Sequence[Slot], sources: Sequence[SourceFacts]) -> Iterator[Finding]:
    """Whether a source that nobody has to ask for would protect better than these."""
    choice = automatic_choice()
    recorded = [slot.source for slot in slots]
    # The weakest way in is how well the store is kept.
    weakest = max(recorded, key=lambda name: _rank(name, choice))
    above = [one for one in sources if _rank(one.name, choice) < _rank(weakest, choice)]
    above = [one for one in above if one.name in choice and one.name not in recorded]
    what = f"{weakest}: {DESCRIPTIONS.get(weakest, 'unknown to this version')}"
    if weakest not in choice:
        yield Finding(check="key-source", level=Level.OK, what=what)
        return
    working = [one.name for one in above if one.works]
    if working:
        slot = next(slot for slot in slots if slot.source == weakest)
        yield Finding(
            check="key-source",
            level=Level.WARNING,
            what=f"{what}; {working[0]} works here now, and protects better",
            hint=f"`brokerctl key add {working[0]}`, then `brokerctl key remove "
            f"{slot.number}` and `brokerctl key rotate --data`",
        )
        return
    reasons = [f"{one.name} ({one.reason})" for one in above]
    if reasons:
        what += f"; what protects better does not work here now: {', '.join(reasons)}"
    yield Finding(check="key-source", level=Level.OK, what=what)


def _rank(name: str, choice: Sequence[str]) -> int:
    """How weak: by the order of the automatic choice; a passphrase is the strongest."""
    return choice.index(name) if name in choice else -1
