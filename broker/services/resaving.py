"""Saves again what the disk refused, for as long as it takes. Knows no store."""

import msgspec

from broker.model.account import AccountName
from broker.model.event import Event, EventKind
from broker.model.time import Seconds, UnixTime
from broker.services.events import Events
from broker.services.grants import Grants
from broker.services.interfaces import Clock

FIRST_PAUSE = Seconds(1)
LONGEST_PAUSE = Seconds(60)


class Degraded(msgspec.Struct, frozen=True, kw_only=True):
    """That grants are in memory alone: they are lost if the daemon ends now.

    Attributes:
        since: when the disk first refused.
        accounts: whose grants.
        what: why it refused last.
    """

    since: UnixTime
    accounts: tuple[AccountName, ...]
    what: str


class Resaver:
    """Waits for unsaved grants; there is no timer while there are none."""

    def __init__(self, *, grants: Grants, clock: Clock, events: Events) -> None:
        self._grants = grants
        self._clock = clock
        self._events = events
        self._since: UnixTime | None = None

    @property
    def degraded(self) -> Degraded | None:
        """What is not saved, or None."""
        accounts = self._grants.unsaved.accounts
        if not accounts:
            return None
        return Degraded(
            since=self._since or self._clock.now().wall,
            accounts=accounts,
            what=self._grants.unsaved.why or "the disk refused",
        )

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self._grants.unsaved.wait()
            self._since = self._clock.now().wall
            self._tell(EventKind.UNSAVED)
            await self._save()
            self._since = None
            self._tell(EventKind.SAVED)

    async def _save(self) -> None:
        pause = FIRST_PAUSE
        await self._clock.sleep(pause)
        while not await self._grants.save_again():
            pause = Seconds(min(2 * pause, LONGEST_PAUSE))
            await self._clock.sleep(pause)

    def _tell(self, kind: EventKind) -> None:
        self._events.publish(
            Event(kind=kind, at=self._clock.now().wall, reason=self._grants.unsaved.why)
        )
