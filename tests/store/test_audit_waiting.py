"""Lines that wait for a key lie in the open, and are taken up as such."""

import json
from pathlib import Path

import pytest

from broker.store.audit_files import AUDIT_NAME
from broker.store.audit_waiting import (
    MOST_BYTES,
    WAITING_NAME,
    forget_waiting,
    set_aside,
    waiting,
)
from tests.store.audits import AT, body, opened

LINE = b'{"at":1.5,"operation":"token","result":"refused","code":"locked"}'


def test_they_wait_for_the_next_daemon_in_their_order(tmp_path: Path) -> None:
    set_aside(tmp_path, [LINE])
    set_aside(tmp_path, [LINE.replace(b"1.5", b"2.5")])
    assert [json.loads(one)["at"] for one in waiting(tmp_path)] == [1.5, 2.5]
    assert (tmp_path / WAITING_NAME).stat().st_mode & 0o777 == 0o600
    forget_waiting(tmp_path)
    forget_waiting(tmp_path)
    assert waiting(tmp_path) == []


def test_the_log_takes_them_up_when_it_is_opened_and_says_where_they_lay(
    tmp_path: Path,
) -> None:
    log = opened(tmp_path)
    log.set_aside([LINE])
    log.close()
    log = opened(tmp_path, log.remembered)
    log.append([body(1)], AT)
    text = (tmp_path / AUDIT_NAME).read_text()
    said = [json.loads(one) for one in text.splitlines()]
    assert [(one["operation"], one.get("unsealed")) for one in said[1:]] == [
        ("token", True),
        ("token", None),
    ]
    assert log.check().faults == ()
    assert not (tmp_path / WAITING_NAME).exists()
    log.close()


def test_a_daemon_that_is_never_unlocked_fills_no_disk(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no room"):
        set_aside(tmp_path, [b"x" * MOST_BYTES])
    (tmp_path / WAITING_NAME).write_bytes(LINE + b" " * MOST_BYTES)
    assert waiting(tmp_path) == []


def test_a_link_in_their_place_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("")
    (tmp_path / WAITING_NAME).symlink_to(precious)
    with pytest.raises(OSError, match="symbolic"):
        set_aside(tmp_path, [LINE])
    log = opened(tmp_path)  # is opened all the same
    log.close()
    assert precious.read_text() == ""
