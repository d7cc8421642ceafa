"""What needs no keyring; the rest is in tests/system/test_keyring.py."""

import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.store.keys.source import KeyUnavailableError

if sys.platform != "linux":
    pytest.skip("the Secret Service is of Linux", allow_module_level=True)

from broker.store.keys.secret_service import desktop_keyring

BUS = "DBUS_SESSION_BUS_ADDRESS"


@pytest.fixture
def silent_bus() -> Iterator[str]:
    """The address of a socket that takes connections and never says a word."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as bus:
        path = str(Path(folder) / "bus")
        bus.bind(path)
        bus.listen()
        yield f"unix:path={path}"


def reason(*, seconds: float | None = None) -> str:
    with (
        pytest.raises(KeyUnavailableError) as caught,
        desktop_keyring(ask=False, seconds=seconds),
    ):
        pass
    return str(caught.value)


def test_without_a_d_bus_session_that_is_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(BUS, raising=False)
    assert "no D-Bus session" in reason()


@pytest.mark.parametrize(
    "address",
    ["", "nonsense", "tcp:host=127.0.0.1,port=1", "unix:path=/nowhere/at/all"],
)
def test_an_address_where_no_d_bus_is_is_the_reason(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv(BUS, address)
    assert "cannot be reached" in reason()


def test_a_d_bus_that_says_nothing_is_given_up(
    monkeypatch: pytest.MonkeyPatch, silent_bus: str
) -> None:
    monkeypatch.setenv(BUS, silent_bus)
    assert "did not answer within 0.1 s" in reason(seconds=0.1)
