"""`brokerctl backup` and `restore`."""

import base64
import errno
import json
import os
import stat
from pathlib import Path

import pytest

from broker.control.backups import LARGEST_BACKUP
from tests.control.conftest import Listen, Run
from tests.control.statuses import (
    CORRUPT,
    LOCKED,
    LOCKED_TWO_SLOTS,
    NO_STORE,
    STATUS,
)
from tests.fakes.broker import Received, http, in_turn, problem_reply

SEALED = b"sealed" * 400_000
BACKUP = http(200, {"backup": base64.b64encode(SEALED).decode()})
RESTORED = {**STATUS, "set_aside": None}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "my backup"


# --- backup ------------------------------------------------------------------------


def test_a_backup_of_more_than_a_mebibyte_is_written_whole_for_its_owner_alone(
    run: Run, listen: Listen, file: Path
) -> None:
    broker = listen(in_turn(http(200, STATUS), BACKUP))
    result = run("backup", str(file), typed="horse\n")
    assert result.exit_code == 0, result.output
    assert broker.requests[1].json == {"passphrase": "horse"}
    assert file.read_bytes() == SEALED
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "accounts: 2, 2343 KiB" in result.stdout
    assert [path.name for path in file.parent.iterdir() if path.is_file()] == [
        file.name
    ]


def test_a_backup_in_json_says_what_is_in_it(
    run: Run, listen: Listen, file: Path
) -> None:
    listen(in_turn(http(200, {**STATUS, "damaged_records": 3}), BACKUP))
    said = json.loads(run("backup", str(file), "--json", typed="horse\n").stdout)
    assert said == {
        "file": str(file),
        "bytes": len(SEALED),
        "accounts": 2,
        "left_out": 3,
    }


def test_records_that_are_not_in_the_backup_are_told(
    run: Run, listen: Listen, file: Path
) -> None:
    listen(in_turn(http(200, {**STATUS, "damaged_records": 3}), BACKUP))
    result = run("backup", str(file), typed="horse\n")
    assert "3 damaged records are not in it" in result.stderr


def test_a_file_that_is_there_is_not_replaced_unasked(
    run: Run, listen: Listen, file: Path
) -> None:
    broker = listen(in_turn(http(200, STATUS), BACKUP))
    file.write_bytes(b"older")
    refused = run("backup", str(file), typed="horse\n")
    assert refused.exit_code == 2
    assert "--force" in refused.stderr
    assert broker.requests == []
    assert run("backup", str(file), "--force", typed="horse\n").exit_code == 0
    assert file.read_bytes() == SEALED


def test_a_file_that_comes_meanwhile_is_not_replaced(
    run: Run, listen: Listen, file: Path
) -> None:
    def answer(received: Received) -> bytes:
        if received.target == "/v1/status":
            return http(200, STATUS)
        file.write_bytes(b"another's")
        return BACKUP

    listen(answer)
    assert run("backup", str(file), typed="horse\n").exit_code == 2
    assert file.read_bytes() == b"another's"
    assert [path.name for path in file.parent.iterdir() if path.is_file()] == [
        file.name
    ]


def test_a_stick_without_hard_links_takes_a_backup(
    run: Run, listen: Listen, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr("os.link", link)
    listen(in_turn(http(200, STATUS), BACKUP))
    assert run("backup", str(file), typed="horse\n").exit_code == 0
    assert file.read_bytes() == SEALED


def test_a_folder_that_is_not_there_is_named(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    listen(in_turn(http(200, STATUS), BACKUP))
    result = run("backup", str(tmp_path / "no" / "where"), typed="horse\n")
    assert result.exit_code == 2
    assert "no such file or directory" in result.stderr


@pytest.mark.parametrize(("status", "code"), [(LOCKED, 16), (NO_STORE, 4)])
def test_a_store_that_is_not_open_cannot_be_backed_up(
    run: Run, listen: Listen, file: Path, status: dict[str, object], code: int
) -> None:
    broker = listen(in_turn(http(200, status)))
    assert run("backup", str(file), typed="").exit_code == code
    assert len(broker.requests) == 1


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_backup_is_a_file_and_no_stream(run: Run, command: str) -> None:
    assert run(command, "-", typed="horse\n").exit_code == 2


# --- restore -----------------------------------------------------------------------


def test_a_backup_becomes_the_store(run: Run, listen: Listen, file: Path) -> None:
    file.write_bytes(SEALED)
    broker = listen(in_turn(http(200, NO_STORE), http(201, RESTORED)))
    result = run("restore", str(file), typed="horse\n")
    assert result.stdout == "restored (accounts: 2, key source: plain)\n"
    assert broker.requests[1].target == "/v1/restore"
    assert broker.requests[1].json == {
        "backup": base64.b64encode(SEALED).decode(),
        "passphrase": "horse",
    }


def test_the_second_line_of_a_pipe_is_the_passphrase_of_the_new_store(
    run: Run, listen: Listen, file: Path
) -> None:
    file.write_bytes(b"sealed")
    broker = listen(in_turn(http(200, NO_STORE), http(201, RESTORED)))
    run("restore", str(file), "--key", "passphrase", typed="horse\nsesame\n")
    sent = broker.requests[1].json
    assert sent["passphrase"] == "horse"
    assert (sent["key"], sent["key_passphrase"]) == ("passphrase", "sesame")


def test_a_store_that_is_there_is_not_replaced_unasked(
    run: Run, listen: Listen, file: Path
) -> None:
    file.write_bytes(b"sealed")
    broker = listen(in_turn(http(200, STATUS)))
    assert run("restore", str(file), typed="horse\n").exit_code == 29
    assert len(broker.requests) == 1


@pytest.mark.parametrize("there", [STATUS, LOCKED, CORRUPT])
def test_any_store_can_be_set_aside_for_a_backup(
    run: Run, listen: Listen, file: Path, there: dict[str, object]
) -> None:
    file.write_bytes(b"sealed")
    restored = {**STATUS, "set_aside": "store.db.aside-0badcafe"}
    broker = listen(in_turn(http(200, there), http(201, restored)))
    result = run("restore", str(file), "--set-aside", "--yes", typed="horse\n")
    assert result.exit_code == 0
    assert broker.requests[1].json["set_aside"] is True
    assert "store.db.aside-0badcafe" in result.stderr


@pytest.mark.parametrize(
    ("there", "missed"),
    [
        (STATUS, None),
        (CORRUPT, None),
        (LOCKED, "(passphrase)"),
        (LOCKED_TWO_SLOTS, "(secret-service, passphrase)"),
    ],
)
def test_ways_in_that_a_restore_does_not_bring_back_are_told(
    run: Run,
    listen: Listen,
    file: Path,
    there: dict[str, object],
    missed: str | None,
) -> None:
    file.write_bytes(b"sealed")
    listen(in_turn(http(200, there), http(201, RESTORED)))
    result = run("restore", str(file), "--set-aside", "--yes", typed="horse\n")
    told = [line for line in result.stderr.splitlines() if "key add" in line]
    assert [missed in line for line in told if missed] == ([True] if missed else [])
    assert bool(told) == (missed is not None)


def test_without_a_terminal_setting_aside_needs_a_yes(
    run: Run, listen: Listen, file: Path
) -> None:
    file.write_bytes(b"sealed")
    broker = listen(in_turn(http(200, STATUS)))
    result = run("restore", str(file), "--set-aside", typed="y\nhorse\n")
    assert result.exit_code == 2
    assert len(broker.requests) == 1


def test_what_is_no_backup_is_told_by_the_daemon(
    run: Run, listen: Listen, file: Path
) -> None:
    file.write_bytes(b"a song")
    listen(in_turn(http(200, NO_STORE), problem_reply(400, "backup_invalid")))
    assert run("restore", str(file), typed="horse\n").exit_code == 35


def test_a_file_that_cannot_be_one_is_not_sent(
    run: Run, listen: Listen, file: Path
) -> None:
    broker = listen(in_turn())
    assert run("restore", str(file), typed="horse\n").exit_code == 2
    with file.open("wb") as opened:
        opened.truncate(LARGEST_BACKUP + 1)
    result = run("restore", str(file), typed="horse\n")
    assert result.exit_code == 2
    assert "too large" in result.stderr
    assert broker.requests == []
