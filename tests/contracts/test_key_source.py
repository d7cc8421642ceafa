"""The promises of a `KeySource`, run on every source; on fakes of what is elsewhere.

A real keyring stands behind the same promises in tests/system/test_keyring.py.
"""

import base64
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from broker.model.errors import (
    KeySourceUnavailableError,
    LockedError,
    StoreFailedError,
    WrongPassphraseError,
)
from broker.model.secret import Secret
from broker.store.keys.dpapi import Dpapi
from broker.store.keys.kept import KeptKey
from broker.store.keys.names import (
    DPAPI,
    KEYCHAIN,
    PASSPHRASE,
    PLAIN,
    SECRET_SERVICE,
    SYSTEMD_CREDENTIAL,
)
from broker.store.keys.passphrase import Argon2id, Passphrase
from broker.store.keys.plain import KeyFile
from broker.store.keys.source import KeyParametersError, KeySource
from broker.store.keys.systemd_credential import SystemdCredential
from broker.store.store import create_store, key_source_of, open_store
from tests.fakes.keeper import MemoryKeeper
from tests.fakes.protector import FakeProtector

STORE_ID = b"one store of our"
OTHER_ID = b"one more of ours"


@dataclass(frozen=True)
class Case:
    """One source.

    Attributes:
        again: the source as a daemon has it that is started later.
        lose: makes its key be gone; nothing can, where a person remembers it.
    """

    again: Callable[[], KeySource]
    lose: Callable[[], object]


def cheap(salt: bytes) -> Argon2id:
    return Argon2id(salt=salt, memory_kib=8, iterations=1, lanes=1)


def plain(folder: Path) -> Case:
    path = folder / "store.key"
    return Case(lambda: KeyFile(path), path.unlink)


def passphrase(_: Path) -> Case:
    return Case(lambda: Passphrase(Secret("horse"), cheap), lambda: None)


def systemd_credential(folder: Path) -> Case:
    path = folder / "brokerd-key"
    path.write_bytes(bytes(range(32)))
    path.chmod(0o400)
    return Case(lambda: SystemdCredential(str(folder)), path.unlink)


def kept_in_a_keyring(name: str) -> Callable[[Path], Case]:
    def case(_: Path) -> Case:
        keeper = MemoryKeeper()
        return Case(lambda: KeptKey(name, keeper.open), keeper.items.clear)

    return case


def dpapi(_: Path) -> Case:
    protector = FakeProtector()

    def become_another_user() -> None:
        protector.user = b"B"

    return Case(lambda: Dpapi(protector), become_another_user)


CASES = {
    PLAIN: plain,
    PASSPHRASE: passphrase,
    SYSTEMD_CREDENTIAL: systemd_credential,
    SECRET_SERVICE: kept_in_a_keyring(SECRET_SERVICE),
    KEYCHAIN: kept_in_a_keyring(KEYCHAIN),
    DPAPI: dpapi,
}


@pytest.fixture(params=CASES)
def name(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
def case(name: str, tmp_path: Path) -> Case:
    folder = tmp_path / "keys"
    folder.mkdir()
    return CASES[name](folder)


def random_bytes() -> Callable[[int], bytes]:
    """Bytes that differ at each call."""
    numbers = itertools.count(1)
    return lambda count: bytes([next(numbers)]) * count


def test_it_is_called_what_the_store_records(name: str, case: Case) -> None:
    assert case.again().name == name


def test_a_key_of_32_bytes_is_had_again_by_a_later_daemon(case: Case) -> None:
    made = case.again().make(random_bytes(), STORE_ID)
    assert len(made.key.reveal()) == 32
    assert case.again().recall(made.parameters) == made.key


def test_what_is_recorded_in_clear_does_not_hold_the_key(case: Case) -> None:
    made = case.again().make(random_bytes(), STORE_ID)
    key = made.key.reveal()
    forms = (key.hex(), base64.b64encode(key).decode().rstrip("="), repr(key))
    assert [form for form in forms if form in made.parameters] == []
    assert [form for form in forms if form in repr(made)] == []


def test_a_key_for_another_store_leaves_the_first_one_as_it_is(case: Case) -> None:
    random = random_bytes()
    first = case.again().make(random, STORE_ID)
    second = case.again().make(random, OTHER_ID)
    third = case.again().make(random, STORE_ID)
    for made in (first, second, third):
        assert case.again().recall(made.parameters) == made.key


@pytest.mark.parametrize("name", sorted(CASES.keys() - {PASSPHRASE}))
def test_a_key_that_is_gone_leaves_the_store_locked_with_a_reason(case: Case) -> None:
    made = case.again().make(random_bytes(), STORE_ID)
    case.lose()
    with pytest.raises(LockedError) as caught:
        case.again().recall(made.parameters)
    assert caught.value.reason


@pytest.mark.parametrize("name", sorted(CASES.keys() - {PLAIN, SYSTEMD_CREDENTIAL}))
def test_parameters_that_were_damaged_are_told_from_a_missing_key(case: Case) -> None:
    made = case.again().make(random_bytes(), STORE_ID)
    for damaged in ("", "[]", "{}", made.parameters[:-2]):
        with pytest.raises(KeyParametersError):
            case.again().recall(damaged)


def test_a_key_of_another_store_is_told_as_locked_or_as_a_wrong_passphrase(
    name: str, case: Case
) -> None:
    expected = WrongPassphraseError if name == PASSPHRASE else LockedError
    assert isinstance(case.again().refused(), expected)


async def test_a_store_is_made_closed_and_opened_with_it(
    name: str, case: Case, tmp_path: Path
) -> None:
    path = tmp_path / "store.db"
    store = await create_store(path, case.again())
    await store.save_setting("default_account", "work")
    await store.close()
    assert key_source_of(path) == name
    store = await open_store(path, case.again())
    assert await store.load_setting("default_account") == "work"
    await store.close()


async def test_a_store_is_not_made_with_a_key_that_cannot_be_kept(
    tmp_path: Path,
) -> None:
    path = tmp_path / "store.db"
    unready: list[KeySource] = [
        KeptKey(SECRET_SERVICE, MemoryKeeper(locked=True).open),
        KeptKey(KEYCHAIN, MemoryKeeper(forgets=True).open),
        SystemdCredential(None),
        SystemdCredential(str(tmp_path)),
    ]
    for source in unready:
        with pytest.raises(KeySourceUnavailableError) as caught:
            await create_store(path, source)
        assert caught.value.source == source.name
        assert not path.exists()
    with pytest.raises(StoreFailedError):
        await create_store(path, KeyFile(tmp_path / "nowhere" / "key"))
    assert not path.exists()
