"""What a disk has refused, and is in memory alone. Knows no store."""

import asyncio

from broker.model.account import AccountName


class Unsaved:
    """The accounts whose newest grant is not on the disk."""

    def __init__(self) -> None:
        # With the version that the disk still has, or None where it has none.
        self._versions: dict[AccountName, int | None] = {}
        self._why: str | None = None
        self._is_any = asyncio.Event()

    def __contains__(self, name: AccountName) -> bool:
        return name in self._versions

    @property
    def accounts(self) -> tuple[AccountName, ...]:
        """In the order of their names."""
        return tuple(sorted(self._versions))

    @property
    def why(self) -> str | None:
        """Why the disk refused last, for people; None where nothing is refused."""
        return self._why if self._versions else None

    async def wait(self) -> None:
        """Return when there is one."""
        await self._is_any.wait()

    def on_disk(self, name: AccountName, version: int | None) -> int | None:
        """The version that a save replaces, where otherwise it would be `version`."""
        return self._versions.get(name, version)

    def add(self, name: AccountName, on_disk: int | None, why: str) -> None:
        """The disk has refused it."""
        self._versions[name] = on_disk
        self._why = why
        self._is_any.set()

    def remove(self, name: AccountName) -> None:
        """It is saved, or is to be forgotten."""
        self._versions.pop(name, None)
        if not self._versions:
            self._is_any.clear()
