from pathlib import Path

import pytest

from broker.model.errors import BadRequestError, LockedError, StoreExistsError
from broker.model.secret import Secret
from broker.services.interfaces import StoreDoor
from broker.store.door import FileDoor
from tests.store.samples import names_in


@pytest.fixture
def door(tmp_path: Path) -> StoreDoor:
    return FileDoor(tmp_path / "store.db")


async def test_a_door_makes_the_store_and_its_key_file_once(
    door: StoreDoor, tmp_path: Path
) -> None:
    assert not door.exists()
    await (await door.create("plain", None)).close()
    assert door.exists()
    assert door.key_source() == "plain"
    assert (tmp_path / "store.key").is_file()
    with pytest.raises(StoreExistsError):
        await door.create("plain", None)


async def test_a_plain_store_opens_without_a_question(door: StoreDoor) -> None:
    store = await door.create("plain", None)
    await store.save_setting("default_account", "work")
    await store.close()
    store = await door.open(None)
    assert await store.load_setting("default_account") == "work"
    await store.close()


async def test_a_store_under_a_passphrase_asks_for_it(
    door: StoreDoor, tmp_path: Path
) -> None:
    await (await door.create("passphrase", Secret("horse"))).close()
    assert door.key_source() == "passphrase"
    assert not (tmp_path / "store.key").exists()
    with pytest.raises(LockedError, match="a passphrase is needed"):
        await door.open(None)
    await (await door.open(Secret("horse"))).close()


@pytest.mark.parametrize(
    ("source", "passphrase"),
    [
        ("plain", Secret("horse")),
        ("passphrase", None),
        ("passphrase", Secret("")),
        ("tpm", None),
    ],
)
async def test_a_source_that_cannot_be_used_as_asked_makes_nothing(
    door: StoreDoor, tmp_path: Path, source: str, passphrase: Secret | None
) -> None:
    with pytest.raises(BadRequestError):
        await door.create(source, passphrase)
    assert names_in(tmp_path) == []
