"""The promises of a `KeySource`, run on every source; on fakes of what is elsewhere.

What a fake keyring promises, a real one does in tests/system/test_keyring.py, and the
real DPAPI in tests/system/test_windows.py.
"""

import base64
import itertools
import logging
import sys
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
from broker.store.anchor import AnchorUnavailableError
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
from broker.store.keys.source import (
    KeyParametersError,
    KeySource,
    KeyUnavailableError,
)
from broker.store.keys.systemd_credential import SystemdCredential
from broker.store.opening import create_store, open_store, slots_of
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
        unready: makes that no key can be kept now; nothing can, where none is.
        keeps: whether it keeps something that `forget` takes away.
        anchors: whether it keeps a generation.
    """

    again: Callable[[], KeySource]
    lose: Callable[[], object]
    unready: Callable[[], object]
    keeps: bool = False
    anchors: bool = False


def cheap(salt: bytes) -> Argon2id:
    return Argon2id(salt=salt, memory_kib=8, iterations=1, lanes=1)


def plain(folder: Path) -> Case:
    path = folder / "store.key"
    return Case(lambda: KeyFile(path), path.unlink, folder.rmdir, keeps=True)


def passphrase(_: Path) -> Case:
    return Case(lambda: Passphrase(Secret("horse"), cheap), lambda: None, lambda: None)


def systemd_credential(folder: Path) -> Case:
    path = folder / "brokerd-key"
    path.write_bytes(bytes(range(32)))
    path.chmod(0o400)
    return Case(lambda: SystemdCredential(str(folder)), path.unlink, path.unlink)


def kept_in_a_keyring(name: str) -> Callable[[Path], Case]:
    def case(_: Path) -> Case:
        keeper = MemoryKeeper()

        def lock() -> None:
            keeper.locked = True

        return Case(
            lambda: KeptKey(name, keeper.open),
            keeper.items.clear,
            lock,
            keeps=True,
            anchors=True,
        )

    return case


def dpapi(_: Path) -> Case:
    if sys.platform == "win32":
        from broker.host.dpapi import WindowsProtector  # noqa: PLC0415 - of it alone

        return Case(lambda: Dpapi(WindowsProtector()), lambda: None, lambda: None)
    protector = FakeProtector()

    def become_another_user() -> None:
        protector.user = b"B"

    def refuse() -> None:
        protector.refuses = True

    return Case(lambda: Dpapi(protector), become_another_user, refuse)


CASES = {
    PLAIN: plain,
    PASSPHRASE: passphrase,
    SYSTEMD_CREDENTIAL: systemd_credential,
    SECRET_SERVICE: kept_in_a_keyring(SECRET_SERVICE),
    KEYCHAIN: kept_in_a_keyring(KEYCHAIN),
    DPAPI: dpapi,
}
if sys.platform == "win32":  # run there by tests/system/test_windows.py
    del CASES[SYSTEMD_CREDENTIAL]  # systemd's files are read as POSIX reads


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


@pytest.mark.parametrize("name", sorted(CASES.keys() - {SYSTEMD_CREDENTIAL}))
def test_parameters_that_were_damaged_are_told_from_a_missing_key(case: Case) -> None:
    made = case.again().make(random_bytes(), STORE_ID)
    for damaged in ("", "[]", '{"file":7}', made.parameters[:-2]):
        with pytest.raises(KeyParametersError):
            case.again().recall(damaged)


def test_a_key_of_another_store_is_told_as_locked_or_as_a_wrong_passphrase(
    name: str, case: Case
) -> None:
    expected = WrongPassphraseError if name == PASSPHRASE else LockedError
    assert isinstance(case.again().refused(), expected)


def test_where_it_is_ready_it_says_so_and_keeps_nothing_yet(
    case: Case, tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    case.again().probe()
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", sorted(CASES.keys() - {PASSPHRASE}))
def test_where_it_is_not_ready_it_says_why_to_people(case: Case) -> None:
    case.unready()
    with pytest.raises(KeyUnavailableError, match=r"[a-z ]{8}"):
        case.again().probe()


def test_a_forgotten_key_is_gone_where_it_was_kept_and_the_others_stay(
    case: Case,
) -> None:
    random = random_bytes()
    old = case.again().make(random, STORE_ID)
    new = case.again().make(random, STORE_ID)
    case.again().forget(old.parameters)
    assert case.again().recall(new.parameters) == new.key
    if case.keeps:
        with pytest.raises(LockedError):
            case.again().recall(old.parameters)
    else:
        assert case.again().recall(old.parameters) == old.key


def test_to_forget_twice_is_no_fault(
    case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    made = case.again().make(random_bytes(), STORE_ID)
    with caplog.at_level(logging.DEBUG):
        assert case.again().forget(made.parameters) is None
        assert case.again().forget(made.parameters) is None
    assert caplog.text == ""


def test_a_key_that_cannot_be_forgotten_now_stops_nobody(
    name: str, case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    source, made = case.again(), case.again().make(random_bytes(), STORE_ID)
    if name == PLAIN:
        case.lose()  # the folder can only go when it is empty
    case.unready()
    told = [source.forget(made.parameters), source.forget("damaged")]
    assert [bool(left) for left in told] == [case.keeps] * 2
    assert not case.keeps or name in str(told[0])
    said = [r for r in caplog.messages if r.startswith("key.forget.failed")]
    assert len(said) == (2 if case.keeps else 0)
    key = made.key.reveal()
    assert key.hex() not in caplog.text
    assert base64.b64encode(key).decode().rstrip("=") not in caplog.text


def test_a_generation_is_kept_beside_the_key_or_not_at_all(case: Case) -> None:
    random = random_bytes()
    made = case.again().make(random, STORE_ID)
    other = case.again().make(random, OTHER_ID)
    anchor = case.again().anchor(made.parameters)
    assert (anchor is not None) is case.anchors
    if anchor is None:
        return
    assert anchor.read() is None
    anchor.write(7)
    anchor.write(8)
    again = case.again().anchor(made.parameters)
    elsewhere = case.again().anchor(other.parameters)
    assert again
    assert again.read() == 8
    assert elsewhere
    assert elsewhere.read() is None
    assert case.again().recall(made.parameters) == made.key


@pytest.mark.parametrize("name", [SECRET_SERVICE, KEYCHAIN])
def test_the_generation_outlives_the_key_that_is_rotated(case: Case) -> None:
    random = random_bytes()
    old = case.again().make(random, STORE_ID)
    anchor = case.again().anchor(old.parameters)
    assert anchor
    anchor.write(7)
    new = case.again().make(random, STORE_ID)
    case.again().forget(old.parameters)
    later = case.again().anchor(new.parameters)
    assert later
    assert later.read() == 7


@pytest.mark.parametrize("name", [SECRET_SERVICE, KEYCHAIN])
def test_a_generation_that_cannot_be_had_now_is_told_with_the_reason(
    case: Case,
) -> None:
    made = case.again().make(random_bytes(), STORE_ID)
    anchor = case.again().anchor(made.parameters)
    assert anchor
    case.unready()
    with pytest.raises(AnchorUnavailableError, match="locked"):
        anchor.read()
    with pytest.raises(AnchorUnavailableError, match="locked"):
        anchor.write(8)


@pytest.mark.parametrize("text", ["", "seven", "-7", "7 ", "\u0667", "9" * 20])
def test_a_generation_that_is_no_number_counts_as_none(text: str) -> None:
    keeper = MemoryKeeper()
    source = KeptKey(SECRET_SERVICE, keeper.open)
    anchor = source.anchor(source.make(random_bytes(), STORE_ID).parameters)
    keeper.note(STORE_ID.hex(), text)
    assert anchor.read() is None


async def test_a_store_is_made_closed_and_opened_with_it(
    name: str, case: Case, tmp_path: Path
) -> None:
    path = tmp_path / "store.db"
    store = await create_store(path, case.again())
    await store.save_setting("default_account", "work")
    await store.close()
    assert slots_of(path)[0].source == name
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
