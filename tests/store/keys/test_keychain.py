"""The arguments with which keyring's backend for macOS is called."""

import ctypes
import sys
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from broker.model.errors import KeySourceUnavailableError, LockedError
from broker.store.anchor import AnchorUnavailableError
from broker.store.keys.kept import KeptKey
from broker.store.keys.keychain import login_keychain
from broker.store.keys.names import KEYCHAIN
from broker.store.keys.source import KeyUnavailableError
from tests.contracts.keeper import PROMISES, Promise

STORE_ID = bytes(range(16))
ACCOUNT = f"{STORE_ID.hex()}.{bytes(range(8)).hex()}"
FRAMEWORK = "/System/Library/Frameworks/Security.framework/Security"
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
    status: int = 0b111
    has_keychain: bool = True

    def get_password(self, service: str, username: str) -> str | None:
        if self.fault is not None:
            raise self.fault
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.fault is not None:
            raise self.fault
        self.passwords[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if (service, username) not in self.passwords:
            raise KeyringError("not found")
        del self.passwords[service, username]

    def get_status(self, keychain: None, status: Any) -> int:
        """Security's `SecKeychainGetStatus`."""
        assert keychain is None, "the default one is meant"
        status._obj.value = self.status
        return 0 if self.has_keychain else -25307


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
    security = SimpleNamespace(SecKeychainGetStatus=made.get_status)
    monkeypatch.setattr(ctypes, "CDLL", {FRAMEWORK: security}.__getitem__)
    return made


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("promise", PROMISES)
def test_it_promises_what_every_keyring_does(promise: Promise) -> None:
    promise(login_keychain)


def test_the_key_is_one_item_of_text_named_for_its_store(backend: FakeBackend) -> None:
    made = KeptKey(KEYCHAIN, login_keychain).make(fixed, STORE_ID)
    assert backend.passwords == {("brokerd", ACCOUNT): KEY_TEXT}
    assert KeptKey(KEYCHAIN, login_keychain).recall(made.parameters) == made.key


def test_a_variable_that_names_another_backend_changes_nothing(
    backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chosen() -> object:
        pytest.fail("keyring was asked which backend a variable or a file names")

    vars(sys.modules["keyring"])["get_keyring"] = chosen
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    KeptKey(KEYCHAIN, login_keychain).make(fixed, STORE_ID)
    assert backend.passwords == {("brokerd", ACCOUNT): KEY_TEXT}


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


def test_the_generation_is_an_item_of_its_own(backend: FakeBackend) -> None:
    source = KeptKey(KEYCHAIN, login_keychain)
    made = source.make(fixed, STORE_ID)
    source.anchor(made.parameters).write(7)
    assert backend.passwords == {
        ("brokerd", ACCOUNT): KEY_TEXT,
        ("brokerd", f"{STORE_ID.hex()}.generation"): "7",
    }


@pytest.mark.parametrize(
    ("status", "says"), [(0b110, "is locked"), (0b011, "cannot be written to")]
)
def test_a_keychain_that_macos_would_ask_for_is_not_touched_without_a_question(
    backend: FakeBackend, status: int, says: str
) -> None:
    source = KeptKey(KEYCHAIN, login_keychain)
    anchor = source.anchor(source.make(fixed, STORE_ID).parameters)
    backend.status = status
    backend.fault = AssertionError("macOS would ask now")
    with pytest.raises(KeyUnavailableError, match=says):
        source.probe()
    with pytest.raises(AnchorUnavailableError, match=says):
        anchor.read()
    with pytest.raises(AnchorUnavailableError, match=says):
        anchor.write(8)


def test_a_mac_without_a_keychain_is_told(backend: FakeBackend) -> None:
    backend.has_keychain = False
    with pytest.raises(KeyUnavailableError, match="there is no login keychain"):
        KeptKey(KEYCHAIN, login_keychain).probe()
