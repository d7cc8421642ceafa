"""What a disk has refused, and is in memory alone. Knows no store."""

import asyncio

import msgspec

from broker.model.account import AccountName
from broker.model.grant import Grant


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """What the disk has refused of one account.

    Attributes:
        grant: the newest.
        instead_of: the versions that the disk may have, None for no grant. It can fail
            after the commit, so nobody knows which one it is.
    """

    grant: Grant
    instead_of: frozenset[int | None]


class Unsaved:
    """The accounts whose newest grant is not on the disk."""

    def __init__(self) -> None:
        self._refused: dict[AccountName, Refused] = {}
        self._why: str | None = None
        self._is_any = asyncio.Event()

    def __contains__(self, name: AccountName) -> bool:
        return name in self._refused

    @property
    def accounts(self) -> tuple[AccountName, ...]:
        """In the order of their names."""
        return tuple(sorted(self._refused))

    @property
    def grants(self) -> tuple[Grant, ...]:
        """The newest of each, in the order of their accounts."""
        return tuple(self._refused[name].grant for name in self.accounts)

    @property
    def why(self) -> str | None:
        """Why the disk refused last, for people; None where nothing is refused."""
        return self._why if self._refused else None

    async def wait(self) -> None:
        """Return when there is one."""
        await self._is_any.wait()

    def find(self, name: AccountName) -> Refused | None:
        """What is not on the disk, or None."""
        return self._refused.get(name)

    def add(self, grant: Grant, instead_of: frozenset[int | None], why: str) -> None:
        """The disk has refused it."""
        refused = Refused(grant=grant, instead_of=instead_of)
        self._refused[grant.account.name] = refused
        self._why = why
        self._is_any.set()

    def remove(self, name: AccountName) -> None:
        """It is saved, or is to be forgotten."""
        self._refused.pop(name, None)
        if not self._refused:
            self._is_any.clear()
