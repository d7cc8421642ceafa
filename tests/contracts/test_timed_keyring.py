"""The promises of a `TimedKeyring`, run on the tests' own and on the kernel's."""

import secrets
import sys
from collections.abc import Callable, Iterator

import pytest

from broker.host.kernel_keyring import KernelKeyring
from broker.model.secret import SecretBytes
from broker.store.keys.unlock_cache import TimedKeyring
from tests.fakes.timed_keyring import MemoryTimedKeyring

HOUR = 3600

KEYRINGS: list[Callable[[], TimedKeyring]] = [MemoryTimedKeyring]
if sys.platform == "linux":
    KEYRINGS.append(KernelKeyring)


@pytest.fixture(params=KEYRINGS)
def keyring(request: pytest.FixtureRequest) -> TimedKeyring:
    made: TimedKeyring = request.param()
    return made


@pytest.fixture
def name(keyring: TimedKeyring) -> Iterator[str]:
    """A name that nobody else has; nothing is left of it."""
    chosen = f"brokerd:test:{secrets.token_hex(8)}"
    yield chosen
    keyring.remove(chosen)


def test_what_is_kept_is_found_whole(keyring: TimedKeyring, name: str) -> None:
    secret = SecretBytes(b"\0" + secrets.token_bytes(30) + b"\0")
    assert keyring.find(name) is None
    keyring.keep(name, secret, HOUR)
    assert keyring.find(name) == secret
    assert keyring.find(name + "0") is None
    assert keyring.find(name[:-1]) is None


def test_what_is_kept_again_is_in_the_place_of_the_first(
    keyring: TimedKeyring, name: str
) -> None:
    keyring.keep(name, SecretBytes(b"first, and longer"), HOUR)
    keyring.keep(name, SecretBytes(b"second"), HOUR)
    assert keyring.find(name) == SecretBytes(b"second")
    keyring.remove(name)
    assert keyring.find(name) is None


def test_what_was_removed_is_gone_at_once_and_can_be_removed_again(
    keyring: TimedKeyring, name: str
) -> None:
    keyring.keep(name, SecretBytes(b"secret"), HOUR)
    keyring.remove(name)
    assert keyring.find(name) is None
    keyring.remove(name)
    keyring.keep(name, SecretBytes(b"another"), HOUR)
    assert keyring.find(name) == SecretBytes(b"another")


@pytest.mark.parametrize("seconds", [0, -1])
def test_nothing_is_kept_for_ever(
    keyring: TimedKeyring, name: str, seconds: int
) -> None:
    with pytest.raises(ValueError, match=str(seconds)):
        keyring.keep(name, SecretBytes(b"secret"), seconds)
    assert keyring.find(name) is None
