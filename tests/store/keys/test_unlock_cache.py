import errno
import logging
import os

import pytest

from broker.model.secret import SecretBytes
from broker.store.keys.unlock_cache import UnlockCache
from broker.store.sealing import DataKeys, joined_keys
from tests.fakes.timed_keyring import MemoryTimedKeyring

STORE_ID = bytes(range(16))
OTHER_ID = bytes(16)
KEYS = DataKeys(
    data=SecretBytes(bytes(range(32))), index=SecretBytes(bytes(range(32, 64)))
)
NAME = "brokerd:unlock:000102030405060708090a0b0c0d0e0f"


@pytest.fixture
def keyring() -> MemoryTimedKeyring:
    return MemoryTimedKeyring()


def cache(keyring: MemoryTimedKeyring) -> UnlockCache:
    """As a daemon has it that is started later."""
    return UnlockCache(keyring)


def fault(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def test_a_later_daemon_has_the_key_of_its_store_and_of_no_other(
    keyring: MemoryTimedKeyring,
) -> None:
    assert cache(keyring).recall(STORE_ID) is None
    cache(keyring).remember(STORE_ID, KEYS, 900)
    assert keyring.kept == {NAME: (joined_keys(KEYS), 900)}
    assert cache(keyring).recall(STORE_ID) == KEYS
    assert cache(keyring).recall(OTHER_ID) is None


def test_a_forgotten_key_is_gone(keyring: MemoryTimedKeyring) -> None:
    cache(keyring).remember(STORE_ID, KEYS, 900)
    cache(keyring).remember(OTHER_ID, KEYS, 900)
    cache(keyring).forget(STORE_ID)
    assert cache(keyring).recall(STORE_ID) is None
    assert cache(keyring).recall(OTHER_ID) == KEYS


def test_for_no_time_at_all_nothing_is_remembered_and_the_old_key_goes(
    keyring: MemoryTimedKeyring,
) -> None:
    cache(keyring).remember(STORE_ID, KEYS, 900)
    cache(keyring).remember(STORE_ID, KEYS, 0)
    assert keyring.kept == {}


@pytest.mark.parametrize("planted", [b"", bytes(31), bytes(33)])
def test_what_is_no_key_counts_as_none(
    keyring: MemoryTimedKeyring, planted: bytes
) -> None:
    keyring.keep(NAME, SecretBytes(planted), 900)
    assert cache(keyring).recall(STORE_ID) is None


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EPERM, errno.EDQUOT])
def test_without_a_keyring_there_is_no_cache_which_is_said_once(
    keyring: MemoryTimedKeyring, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    keyring.fault = fault(number)
    without = cache(keyring)
    with caplog.at_level(logging.DEBUG):
        for _ in range(3):
            without.remember(STORE_ID, KEYS, 900)
            assert without.recall(STORE_ID) is None
    assert caplog.messages == [
        f"unlock_cache.unavailable error={os.strerror(number)!r}"
    ]
    assert caplog.records[0].levelno == logging.DEBUG


def test_a_key_that_cannot_be_forgotten_is_a_warning(
    keyring: MemoryTimedKeyring, caplog: pytest.LogCaptureFixture
) -> None:
    keyring.fault = fault(errno.EACCES)
    cache(keyring).forget(STORE_ID)
    assert [r.levelno for r in caplog.records] == [logging.WARNING]
    assert "unlock_cache.forget.failed" in caplog.text


def test_where_nothing_can_have_been_kept_to_forget_is_no_warning(
    keyring: MemoryTimedKeyring, caplog: pytest.LogCaptureFixture
) -> None:
    keyring.fault = fault(errno.ENOSYS)
    cache(keyring).forget(STORE_ID)
    assert caplog.records == []


def test_no_key_is_in_the_log(
    keyring: MemoryTimedKeyring, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        cache(keyring).remember(STORE_ID, KEYS, 900)
        keyring.fault = fault(errno.EIO)
        cache(keyring).recall(STORE_ID)
        cache(keyring).forget(STORE_ID)
    assert KEYS.data.reveal().hex() not in caplog.text
    assert repr(KEYS.data.reveal()) not in caplog.text
