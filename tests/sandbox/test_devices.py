import re

import pytest

from broker.model.secret import Secret
from broker.sandbox.devices import DeviceRequest, Devices, DeviceState, new_user_code
from broker.sandbox.grants import Grants
from tests.sandbox.program import MovableClock

CODE = Secret("device-1")


@pytest.fixture
def devices(clock: MovableClock) -> Devices:
    return Devices(Grants(clock), clock)


def kept(devices: Devices) -> DeviceRequest:
    return devices.keep(
        CODE, "WDJB-MJHT", client_id="c", scopes=("a", "b"), resources=()
    )


def state(devices: Devices, client_id: str = "c") -> DeviceState | None:
    found = devices.ask(CODE, client_id)
    return None if found is None else found[0]


def test_rfc8628_section_6_1_a_user_code_is_easy_to_type() -> None:
    codes = {new_user_code() for _ in range(200)}
    assert len(codes) == 200
    for code in codes:
        assert re.fullmatch(
            r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", code
        )


@pytest.mark.parametrize("typed", ["WDJB-MJHT", "wdjbmjht", " wdjb mjht "])
def test_a_code_is_found_however_it_is_typed(devices: Devices, typed: str) -> None:
    assert devices.find(typed) is None
    request = kept(devices)
    assert devices.find(typed) == request


@pytest.mark.parametrize("typed", ["", "-", "WDJB", "1234"])
def test_another_code_finds_nothing(devices: Devices, typed: str) -> None:
    kept(devices)
    assert devices.find(typed) is None


def test_what_was_approved_is_given_once(devices: Devices, clock: MovableClock) -> None:
    kept(devices)
    assert state(devices) is DeviceState.PENDING
    assert devices.decide("WDJB-MJHT", ("a",))
    clock.advance(1)
    found = devices.ask(CODE, "c")
    assert found is not None
    assert found[0] is DeviceState.APPROVED
    assert found[1] is not None
    assert found[1].approval.scopes == ("a",)
    assert state(devices) is None


def test_a_decision_is_taken_once(devices: Devices) -> None:
    kept(devices)
    assert devices.decide("WDJB-MJHT", ())
    assert not devices.decide("WDJB-MJHT", ("a",))
    assert devices.find("WDJB-MJHT") is None
    assert state(devices) is DeviceState.DENIED


def test_another_client_learns_nothing(devices: Devices) -> None:
    kept(devices)
    assert state(devices, "another") is None


def test_whoever_asks_too_often_is_slowed_down(
    devices: Devices, clock: MovableClock
) -> None:
    kept(devices)
    states = []
    for pause in (0.0, 0.1, 6.0, 5.0):
        clock.advance(pause)
        states.append(state(devices))
    pending, slow = DeviceState.PENDING, DeviceState.SLOW_DOWN
    assert states == [pending, slow, pending, slow]


def test_a_code_lives_ten_minutes(devices: Devices, clock: MovableClock) -> None:
    kept(devices)
    clock.advance(599)
    assert devices.find("WDJB-MJHT") is not None
    clock.advance(1)
    assert devices.find("WDJB-MJHT") is None
    assert not devices.decide("WDJB-MJHT", ("a",))
    assert state(devices) is DeviceState.EXPIRED


def test_the_oldest_of_many_is_forgotten(devices: Devices) -> None:
    kept(devices)
    for n in range(200):
        devices.keep(
            Secret(f"d{n}"), new_user_code(), client_id="c", scopes=(), resources=()
        )
    assert state(devices) is None
