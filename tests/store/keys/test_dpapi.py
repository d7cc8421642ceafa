import ctypes
import json
from types import SimpleNamespace
from typing import Any

import pytest

from broker.model.errors import KeySourceUnavailableError, LockedError
from broker.model.secret import SecretBytes
from broker.store.keys.dpapi import Dpapi, WindowsProtector
from broker.store.keys.source import KeyParametersError, KeyUnavailableError
from tests.fakes.protector import FakeProtector

STORE_ID = b"one store of our"


def fixed(count: int) -> bytes:
    return bytes(range(count))


def test_what_windows_sealed_is_recorded_and_bound_to_the_store() -> None:
    made = Dpapi(FakeProtector()).make(fixed, STORE_ID)
    recorded = json.loads(made.parameters)
    assert recorded.keys() == {"store", "sealed"}
    recorded["store"] = bytes(16).hex()
    with pytest.raises(LockedError, match="the data is invalid"):
        Dpapi(FakeProtector()).recall(json.dumps(recorded))


@pytest.mark.parametrize("sealed", ["", "%", "A" * 8000])
def test_what_windows_never_sealed_is_damage(sealed: str) -> None:
    parameters = json.dumps({"store": STORE_ID.hex(), "sealed": sealed})
    with pytest.raises(KeyParametersError):
        Dpapi(FakeProtector()).recall(parameters)


def test_a_windows_that_refuses_to_seal_makes_no_key() -> None:
    refusing = Dpapi(FakeProtector(refuses=True))
    with pytest.raises(KeySourceUnavailableError, match="access is denied"):
        refusing.make(fixed, STORE_ID)
    with pytest.raises(KeyUnavailableError, match="access is denied"):
        refusing.probe()


class FakeWindows:
    """crypt32 and kernel32, as far as they are called; "sealing" turns bytes around.

    Attributes:
        refuses: the number of the error, or 0.
        entropies: of each call.
        freed: addresses given back.
    """

    def __init__(self) -> None:
        self.refuses = 0
        self.entropies: list[bytes] = []
        self.freed: list[int | None] = []
        self._made: list[Any] = []

    def load(self, name: str, **_: object) -> SimpleNamespace:
        return {
            "crypt32": SimpleNamespace(
                CryptProtectData=self._turn, CryptUnprotectData=self._turn
            ),
            "kernel32": SimpleNamespace(
                LocalFree=lambda at: self.freed.append(at.value)
            ),
        }[name]

    def made(self) -> list[int]:
        return [ctypes.addressof(buffer) for buffer in self._made]

    def _turn(self, *arguments: Any) -> int:
        given, description, entropy, reserved, prompt, flags, result = arguments
        assert (description, reserved, prompt) == (None, None, None)
        assert flags == 1, "no window may be shown"
        if self.refuses:
            return 0
        self.entropies.append(ctypes.string_at(entropy._obj.data, entropy._obj.size))
        turned = ctypes.string_at(given._obj.data, given._obj.size)[::-1]
        self._made.append(ctypes.create_string_buffer(turned, len(turned)))
        result._obj.size = len(turned)
        result._obj.data = self.made()[-1]
        return 1


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> FakeWindows:
    fake = FakeWindows()
    for name, value in {
        "WinDLL": fake.load,
        "get_last_error": lambda: fake.refuses,
        "WinError": lambda number: OSError(number, "the data is invalid"),
    }.items():
        monkeypatch.setattr(ctypes, name, value, raising=False)
    return fake


def test_key_and_entropy_reach_windows_whole_and_its_memory_is_given_back(
    windows: FakeWindows,
) -> None:
    key = SecretBytes(b"a\0key" * 6 + b"\0\0")
    sealed = WindowsProtector().protect(key, b"\0entropy\0")
    assert sealed == key.reveal()[::-1]
    assert WindowsProtector().unprotect(sealed, b"\0entropy\0") == key
    assert windows.entropies == [b"\0entropy\0"] * 2
    assert windows.freed == windows.made()


def test_windows_own_refusal_is_an_error_of_the_system(windows: FakeWindows) -> None:
    windows.refuses = 13
    with pytest.raises(LockedError, match="the data is invalid"):
        Dpapi(WindowsProtector()).recall(
            json.dumps({"store": STORE_ID.hex(), "sealed": "AAAA"})
        )
