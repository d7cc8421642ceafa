"""Looks at everything that `brokerctl doctor` tells of, while the daemon runs."""

import asyncio
from collections.abc import Callable

from broker.model.errors import StoreFailedError
from broker.model.finding import Finding
from broker.model.premises import Premises
from broker.model.store import VaultState
from broker.services.premises_findings import premises_findings
from broker.services.store_findings import (
    corrupt_finding,
    key_findings,
    locked_finding,
    no_store_finding,
    open_findings,
)
from broker.services.store_interfaces import StoreKeys
from broker.services.vault import Vault


class Doctor:
    """Changes nothing."""

    def __init__(
        self, *, vault: Vault, keys: StoreKeys, look: Callable[[], Premises]
    ) -> None:
        """Take what is to be looked at.

        Args:
            vault: the store.
            keys: its keys, and where new ones could be.
            look: at folders, disk and process; may block.
        """
        self._vault = vault
        self._keys = keys
        self._look = look

    async def examine(self) -> tuple[Finding, ...]:
        """Everything. May take seconds: all of the file is read, and keyrings asked."""
        premises = await asyncio.to_thread(self._look)
        return (
            *premises_findings(premises),
            *await self._store(),
            *await self._key_slots(),
        )

    async def _store(self) -> tuple[Finding, ...]:
        vault = self._vault
        await vault.read_through()
        if vault.state is VaultState.NONE:
            return (no_store_finding(),)
        if vault.state is VaultState.CORRUPT:
            return (
                corrupt_finding(f"the store cannot be read: {vault.corrupt_because}"),
            )
        health = vault.health
        if vault.state is VaultState.LOCKED or health is None:
            return (locked_finding(vault.locked_because or "nobody has opened it"),)
        return tuple(open_findings(health, await self._page_fault(), vault.degraded))

    async def _page_fault(self) -> str | None:
        try:
            return await self._keys.check()
        except StoreFailedError as exc:
            return exc.what

    async def _key_slots(self) -> tuple[Finding, ...]:
        slots = self._vault.slots
        if not slots:
            return ()
        return tuple(key_findings(slots, await self._keys.sources()))
