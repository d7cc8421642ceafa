"""DPAPI as a key source, on a fake; the real one is in tests/system/windows."""

import json

import pytest

from broker.model.errors import KeySourceUnavailableError, LockedError
from broker.store.keys.dpapi import Dpapi
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
