"""The routes of the store as a whole: made, opened, locked, its keys, its copies."""

import base64
from collections.abc import Callable

from broker.ipc import store_wire, web
from broker.ipc.replies import json_reply
from broker.ipc.store_replies import slot_reply
from broker.ipc.wire import parse_body
from broker.model.secret import Secret
from broker.services.store_interfaces import StoreKeys
from broker.services.store_making import StoreMaker
from broker.services.vault import Vault


class StoreRoutes:
    """The handlers of the store as a whole; `RareRoutes` has their table."""

    def __init__(
        self,
        *,
        vault: Vault,
        maker: StoreMaker,
        keys: StoreKeys,
        status: Callable[[], dict[str, object]],
    ) -> None:
        self._vault = vault
        self._maker = maker
        self._keys = keys
        self._status = status

    async def make_store(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/store`."""
        body = parse_body(await request.read(), store_wire.StoreBody)
        aside = await self._maker.create(store_wire.new_store(body))
        return json_reply({**self._status(), "set_aside": aside}, status=201)

    async def unlock(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/unlock`."""
        body = parse_body(await request.read(), store_wire.UnlockBody)
        remember = store_wire.remembered(body)
        passphrase = store_wire.secret(body.passphrase)
        await self._vault.unlock(passphrase, remember=remember)
        return json_reply(self._status())

    async def lock(self, _: web.Request) -> web.StreamResponse:
        """`POST /v1/lock`."""
        await self._vault.lock()
        return json_reply(self._status())

    async def sources(self, _: web.Request) -> web.StreamResponse:
        """`GET /v1/key-sources`."""
        found = await self._keys.sources()
        return json_reply({"sources": [store_wire.source_reply(one) for one in found]})

    async def add_slot(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/slots`."""
        body = parse_body(await request.read(), store_wire.SlotBody)
        passphrase = store_wire.secret(body.passphrase)
        async with self._vault.held_open():
            slot = await self._keys.add(body.key, passphrase)
        return json_reply(slot_reply(slot), status=201)

    async def remove_slot(self, request: web.Request) -> web.StreamResponse:
        """`DELETE /v1/slots/NUMBER`."""
        number = store_wire.parse_slot_number(request.match_info["slot"])
        async with self._vault.held_open():
            left = await self._keys.remove(number)
        return json_reply({**self._status(), **store_wire.left_reply(left)})

    async def rotate_slot(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/slots/NUMBER/rotate`."""
        body = parse_body(await request.read(), store_wire.RotateBody)
        number = store_wire.parse_slot_number(request.match_info["slot"])
        passphrase = store_wire.secret(body.passphrase)
        async with self._vault.held_open():
            slot, left = await self._keys.rotate(number, passphrase)
        return json_reply({**slot_reply(slot), **store_wire.left_reply(left)})

    async def rotate_data_key(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/data-key/rotate`."""
        body = parse_body(await request.read(), store_wire.RotateDataKeyBody)
        typed = [Secret(text) for text in body.passphrases]
        async with self._vault.held_open():
            await self._keys.rotate_data_key(typed)
        return json_reply(self._status())

    async def backup(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/backup`."""
        body = parse_body(await request.read(), store_wire.BackupBody)
        async with self._vault.held_open() as opened:
            # The day the disk fails is the day a backup is wanted.
            newest = opened.grants.unsaved.grants
            made = await self._keys.backup(Secret(body.passphrase), newest)
        return json_reply({"backup": base64.b64encode(made).decode()})

    async def restore(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/restore`."""
        body = parse_body(await request.read(), store_wire.RestoreBody)
        new = store_wire.restored_store(body)
        aside = await self._maker.restore(body.backup, Secret(body.passphrase), new)
        return json_reply({**self._status(), "set_aside": aside}, status=201)
