"""The store as a whole over a real Unix socket; the plain cases are vectors."""

import asyncio
import base64

import pytest

from tests.fakes.clock import run_until_idle
from tests.fakes.store import MemoryStore
from tests.ipc.conftest import Serve
from tests.ipc.served import Served
from tests.services.door import BACKUP
from tests.services.world import World, a_grant, a_world

BACKED_UP = base64.b64encode(BACKUP).decode()


async def locked(serve: Serve) -> Served:
    """Behind the passphrase 'open sesame'."""
    world = World(store=MemoryStore(a_grant()), source="passphrase")
    world.door.passphrase = "open sesame"
    await world.vault.open_at_start()
    return await serve(world)


# --- making ------------------------------------------------------------------------


async def test_without_a_key_the_best_is_taken_and_named(serve: Serve) -> None:
    served = await serve(World(source=None))
    made = await served.ask("POST", "/v1/store", {})
    assert (made.status, made.json["key_source"]) == (201, "plain")
    assert made.json["set_aside"] is None


async def test_a_locked_store_is_set_aside_only_where_that_is_said(
    serve: Serve,
) -> None:
    served = await locked(serve)
    refused = await served.ask("POST", "/v1/store", {"key": "plain"})
    assert (refused.status, refused.code) == (409, "store_exists")
    body = {"key": "plain", "set_aside": True}
    made = await served.ask("POST", "/v1/store", body)
    assert (made.status, made.json["set_aside"]) == (201, "store.db.aside")


async def test_an_open_store_is_not_set_aside_for_an_empty_one(served: Served) -> None:
    said = await served.ask("POST", "/v1/store", {"key": "plain", "set_aside": True})
    assert (said.status, said.code) == (409, "store_exists")
    assert (await served.ask("GET", "/v1/status")).json["accounts"] == 1


# --- opening -----------------------------------------------------------------------


async def test_an_unlock_may_be_remembered_and_a_lock_forgets_it(serve: Serve) -> None:
    served = await locked(serve)
    body = {"passphrase": "open sesame", "remember": 3600}
    assert (await served.ask("POST", "/v1/unlock", body)).json["store"] == "open"
    assert served.world.door.remembered == 3600
    said = await served.ask("POST", "/v1/lock", {})
    assert said.json["store"] == "locked"
    assert served.world.door.remembered is None


async def test_a_time_that_is_too_long_opens_nothing(serve: Serve) -> None:
    served = await locked(serve)
    body = {"passphrase": "open sesame", "remember": 604_801}
    said = await served.ask("POST", "/v1/unlock", body)
    assert (said.status, said.code) == (400, "bad_request")
    assert (await served.ask("GET", "/v1/status")).json["store"] == "locked"


async def test_there_is_nothing_to_lock_before_the_first_store(serve: Serve) -> None:
    served = await serve(World(source=None))
    said = await served.ask("POST", "/v1/lock", {})
    assert (said.status, said.code) == (423, "locked")


# --- keys --------------------------------------------------------------------------


CHANGES = [
    ("POST", "/v1/slots", {"key": "plain"}),
    ("DELETE", "/v1/slots/1", None),
    ("POST", "/v1/slots/1/rotate", {}),
    ("POST", "/v1/data-key/rotate", {}),
    ("POST", "/v1/backup", {"passphrase": "horse"}),
]


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
async def test_a_lock_waits_for_a_change_that_a_keyring_keeps_waiting(
    served: Served, method: str, path: str, body: object
) -> None:
    world = served.world
    world.keys.gate = asyncio.Event()
    changing = asyncio.create_task(served.ask(method, path, body), name="change")
    await world.keys.reached.wait()
    locking = asyncio.create_task(world.vault.lock(), name="lock")
    await run_until_idle()
    assert not locking.done()
    world.keys.gate.set()
    await changing
    await locking
    assert world.store.is_closed


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
async def test_a_locked_store_keeps_its_keys(
    serve: Serve, method: str, path: str, body: object
) -> None:
    served = await locked(serve)
    said = await served.ask(method, path, body)
    assert (said.status, said.code) == (423, "locked")
    assert served.world.keys.rotated == []


async def test_a_new_data_key_needs_every_passphrase_as_it_is(served: Served) -> None:
    body = {"passphrases": ["one", " two "]}
    assert (await served.ask("POST", "/v1/data-key/rotate", body)).status == 200
    assert served.world.keys.rotated == [("one", " two ")]


# --- copies ------------------------------------------------------------------------


async def test_a_backup_takes_the_place_of_an_open_store(served: Served) -> None:
    body = {"backup": BACKED_UP, "passphrase": "horse", "set_aside": True}
    said = await served.ask("POST", "/v1/restore", body)
    assert said.status == 201
    assert said.json["set_aside"] == "store.db.aside"
    assert said.json["store"] == "open"


async def test_a_backup_has_what_the_disk_refuses(served: Served) -> None:
    world = served.world
    world.store.fail_next_save(10**6)
    await world.grants.signed_in(a_grant(refresh_token="newer"))
    said = await served.ask("POST", "/v1/backup", {"passphrase": "horse"})
    assert said.status == 200
    assert world.keys.backed_up == ["work"]
    world.store.mend()


async def test_a_wrong_passphrase_leaves_the_open_store_open(served: Served) -> None:
    body = {"backup": BACKED_UP, "passphrase": "c4n4ry", "set_aside": True}
    said = await served.ask("POST", "/v1/restore", body)
    assert (said.status, said.code) == (403, "wrong_passphrase")
    assert b"c4n4ry" not in said.body
    assert (await served.ask("GET", "/v1/status")).json["store"] == "open"


async def test_a_backup_is_longer_than_other_requests_may_be(served: Served) -> None:
    long = {"backup": "A" * 1_000_000, "passphrase": "horse", "set_aside": True}
    said = await served.ask("POST", "/v1/restore", long)
    assert (said.status, said.code) == (400, "backup_invalid")
    said = await served.ask("POST", "/v1/backup", {"passphrase": "a" * 1_000_000})
    assert (said.status, said.code) == (413, "too_large")


async def test_strangers_to_the_socket_are_told_nothing_of_the_store(
    serve: Serve,
) -> None:
    served = await serve(await a_world(a_grant()), owner_uid=4_000_000)
    for method, path in (
        ("GET", "/v1/doctor"),
        ("GET", "/v1/key-sources"),
        ("POST", "/v1/lock"),
        ("POST", "/v1/backup"),
    ):
        said = await served.ask(method, path, {})
        assert (said.status, said.code) == (403, "not_permitted")
    assert served.world.vault.opened is not None
