"""Requests about the store as a whole, and what is said of it. Pure.

The shapes are those of clients/PROTOCOL.md.
"""

import msgspec

from broker.ipc.wire import Request
from broker.model.errors import BadRequestError
from broker.model.secret import Secret
from broker.model.store import SourceFacts
from broker.services.store_making import NewStore

LONGEST_REMEMBERED = 7 * 86400
"""Seconds; longer than that nobody remembers having said it."""


class StoreBody(Request, frozen=True):
    """`POST /v1/store`."""

    key: str | None = None
    passphrase: str | None = None
    set_aside: bool = False


class UnlockBody(Request, frozen=True):
    """`POST /v1/unlock`."""

    passphrase: str | None = None  # None tries again: the key may have come
    remember: int | None = None


class SlotBody(Request, frozen=True):
    """`POST /v1/slots`."""

    key: str
    passphrase: str | None = None


class RotateBody(Request, frozen=True):
    """`POST /v1/slots/NUMBER/rotate`."""

    passphrase: str | None = None


class RotateDataKeyBody(Request, frozen=True):
    """`POST /v1/data-key/rotate`."""

    passphrases: list[str] = msgspec.field(default_factory=list)


class BackupBody(Request, frozen=True):
    """`POST /v1/backup`."""

    passphrase: str


class RestoreBody(Request, frozen=True):
    """`POST /v1/restore`; the backup in base64."""

    backup: bytes
    passphrase: str
    key: str | None = None
    key_passphrase: str | None = None
    set_aside: bool = False


def new_store(body: StoreBody) -> NewStore:
    """How the store is to be made."""
    return NewStore(
        source=body.key, passphrase=secret(body.passphrase), set_aside=body.set_aside
    )


def restored_store(body: RestoreBody) -> NewStore:
    """How the store that takes a backup in is to be made."""
    return NewStore(
        source=body.key,
        passphrase=secret(body.key_passphrase),
        set_aside=body.set_aside,
    )


def remembered(body: UnlockBody) -> int | None:
    """For how many seconds, or None.

    Raises:
        BadRequestError: less than one, or more than a week.
    """
    seconds = body.remember
    if seconds is not None and not 1 <= seconds <= LONGEST_REMEMBERED:
        what = f"`remember` is 1 to {LONGEST_REMEMBERED} seconds"
        raise BadRequestError(what=what)
    return seconds


def secret(text: str | None) -> Secret | None:
    """What the person typed, with no text form from here on."""
    return None if text is None else Secret(text)


def parse_slot_number(text: str) -> int:
    """The number of a key slot.

    Raises:
        BadRequestError: it is none.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= len("999999")):
        raise BadRequestError(what="a key slot has a number, such as 2")
    return int(text)


def left_reply(left: str | None) -> dict[str, object]:
    """What could not be taken away, as after a log-out."""
    return {"left": [] if left is None else [left]}


def source_reply(facts: SourceFacts) -> dict[str, object]:
    """One key source of this system."""
    return {"source": facts.name, "works": facts.works, "reason": facts.reason}
