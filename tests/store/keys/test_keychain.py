"""The arguments with which keyring's backend for macOS is called."""

import sys
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace

import pytest

from broker.model.errors import KeySourceUnavailableError, LockedError
from broker.store.keys.kept import KeptKey
from broker.store.keys.keychain import login_keychain
from broker.store.keys.names import KEYCHAIN

STORE_ID = bytes(range(16))
ACCOUNT = f"{STORE_ID.hex()}.{bytes(range(8)).hex()}"
KEY_TEXT = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


class KeyringError(Exception):
    pass


class KeyringLocked(KeyringError):  # noqa: N818 - keyring's own name
    pass


def fixed(count: int) -> bytes:
    return bytes(range(count))


@dataclass
class FakeBackend:
    """keyring's `macOS.Keyring`, as far as it is used."""

    passwords: dict[tuple[str, str], str] = field(default_factory=dict)
    fault: Exception | None = None

    def get_password(self, service: str, username: str) -> str | None:
        if self.fault is not None:
            raise self.fault
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.fault is not None:
            raise self.fault
        self.passwords[service, username] = password


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> FakeBackend:
    """In the place of keyring, which is installed on macOS alone."""
    made = FakeBackend()
    macos = SimpleNamespace(Keyring=lambda: made)
    modules: dict[str, dict[str, object]] = {
        "keyring": {},
        "keyring.backends": {"macOS": macos},
        "keyring.errors": {
            "KeyringError": KeyringError,
            "KeyringLocked": KeyringLocked,
        },
    }
    for name, members in modules.items():
        module = ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)
    return made


def test_the_key_is_one_item_of_text_named_for_its_store(backend: FakeBackend) -> None:
    made = KeptKey(KEYCHAIN, login_keychain).make(fixed, STORE_ID)
    assert backend.passwords == {("brokerd", ACCOUNT): KEY_TEXT}
    assert KeptKey(KEYCHAIN, login_keychain).recall(made.parameters) == made.key


@pytest.mark.parametrize("text", ["", "not a key", KEY_TEXT[:-4]])
def test_an_item_that_was_changed_leaves_the_store_locked(
    backend: FakeBackend, text: str
) -> None:
    made = KeptKey(KEYCHAIN, login_keychain).make(fixed, STORE_ID)
    backend.passwords["brokerd", ACCOUNT] = text
    with pytest.raises(LockedError, match="not a key"):
        KeptKey(KEYCHAIN, login_keychain).recall(made.parameters)


@pytest.mark.parametrize(
    ("fault", "says"),
    [(KeyringLocked("x"), "is locked"), (KeyringError("x"), "refused")],
)
def test_a_keychain_that_refuses_is_told_in_plain_words(
    backend: FakeBackend, fault: Exception, says: str
) -> None:
    source = KeptKey(KEYCHAIN, login_keychain)
    made = source.make(fixed, STORE_ID)
    backend.fault = fault
    with pytest.raises(LockedError, match=says):
        source.recall(made.parameters)
    with pytest.raises(KeySourceUnavailableError, match=says):
        source.make(fixed, STORE_ID)
