"""Requests about the store as a whole, parsed; what is said of it."""

import pytest

from broker.ipc.store_replies import degraded_reply, health_reply
from broker.ipc.store_wire import (
    LONGEST_REMEMBERED,
    BackupBody,
    RestoreBody,
    UnlockBody,
    parse_slot_number,
    remembered,
    restored_store,
)
from broker.ipc.wire import parse_body
from broker.model.account import AccountName
from broker.model.errors import BadRequestError
from broker.model.store import Health
from broker.model.time import UnixTime
from broker.services.resaving import Degraded


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("16", 16), ("007", 7)])
def test_a_slot_is_a_number(text: str, number: int) -> None:
    assert parse_slot_number(text) == number


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1.0", "one", "\u0661", "9" * 7, " 1"]
)
def test_what_is_no_number_is_no_slot(text: str) -> None:
    with pytest.raises(BadRequestError):
        parse_slot_number(text)


@pytest.mark.parametrize("seconds", [1, 3600, LONGEST_REMEMBERED])
def test_a_key_is_remembered_for_a_week_at_most(seconds: int) -> None:
    assert remembered(UnlockBody(remember=seconds)) == seconds


@pytest.mark.parametrize("seconds", [0, -1, LONGEST_REMEMBERED + 1])
def test_other_times_are_refused(seconds: int) -> None:
    with pytest.raises(BadRequestError, match="remember"):
        remembered(UnlockBody(remember=seconds))


def test_a_passphrase_has_no_text_form_in_a_body() -> None:
    body = parse_body(b'{"passphrase": "c4n4ry"}', BackupBody)
    assert "c4n4ry" not in repr(body)


def test_a_restore_keeps_its_two_passphrases_apart() -> None:
    body = RestoreBody(
        backup=b"x", passphrase="old", key="passphrase", key_passphrase="new"
    )
    new = restored_store(body)
    assert new.passphrase is not None
    assert new.passphrase.reveal() == "new"
    assert "new" not in repr(new)


@pytest.mark.parametrize(
    "text",
    [
        b'{"backup": "not base64!", "passphrase": "c4n4ry"}',
        b'{"backup": 7, "passphrase": "c4n4ry"}',
        b'{"backup": "YQ==", "passphrase": "c4n4ry", "force": true}',
        b'{"backup": "YQ==", "passphrase": "c4n4ry", "passphrase": "x"}',
    ],
)
def test_what_cannot_be_understood_is_refused_without_being_quoted(text: bytes) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_body(text, RestoreBody)
    assert "c4n4ry" not in str(caught.value)


def test_of_a_store_that_is_not_open_nothing_is_known() -> None:
    assert set(health_reply(None).values()) == {None}


def test_an_older_copy_is_told_as_it_was_found() -> None:
    health = Health(generation=9, remembered=7, is_old_copy=True, damaged=2)
    assert health_reply(health) == {
        "generation": 9,
        "old_copy": True,
        "altered": False,
        "damaged_records": 2,
    }


def test_what_is_in_memory_alone_is_told_by_name() -> None:
    degraded = Degraded(
        since=UnixTime(7.0), accounts=(AccountName("work"),), what="full"
    )
    assert degraded_reply(degraded) == {
        "unsaved": ["work"],
        "since": 7.0,
        "what": "full",
    }
    assert degraded_reply(None) is None
