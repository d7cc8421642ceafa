"""The disk fills, fails, and goes away: no token is lost while the daemon lives."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.faults.disks import (
    disk_with_errors,
    fill,
    fill_inodes,
    mount,
    small_disk,
)
from tests.faults.issuing import ScriptedIssuer
from tests.faults.signing_in import ask_and_hold, sign_in
from tests.faults.tracing import calls_in, traced
from tests.system.hunt import hunt
from tests.system.person import Person, daemon
from tests.system.waiting import wait_until

DIRECTORY_UNSAFE = 26
STORE_FAILED = 24


@pytest.fixture
def quick(issuer: ScriptedIssuer) -> ScriptedIssuer:
    """An issuer whose access tokens live a second: each request soon refreshes."""
    issuer.manners(access_ttl=1)
    return issuer


def is_renewed(person: Person, issuer: ScriptedIssuer, before: int) -> bool:
    assert issuer.gave("work", person.token("work"))
    return issuer.rotations("work") > before


def rotate(person: Person, issuer: ScriptedIssuer) -> None:
    """Ask until the refresh token has been rotated; every answer is a token."""
    before = issuer.rotations("work")
    wait_until(partial(is_renewed, person, issuer, before), "a rotation")


def degraded(person: Person) -> object:
    return person.json("status")["degraded"]


@contextmanager
def nothing_is_lost(person: Person, issuer: ScriptedIssuer) -> Iterator[None]:
    """After the block the next daemon goes on where the last one was."""
    yield
    with daemon(person):
        assert person.json("status")["store"] == "open"
        rotate(person, issuer)
        assert not issuer.is_revoked("work"), "an old refresh token was sent"
    hunt(person, issuer.secrets())


def test_on_a_full_disk_the_ballast_makes_room_for_a_rotated_token(
    person: Person, quick: ScriptedIssuer
) -> None:
    # 300 KB would do for the store, but not for the ballast too: see `ballast._ROOM`.
    with small_disk(person, "size=600k") as disk, nothing_is_lost(person, quick):
        with daemon(person):
            sign_in(person, "work", quick)
            assert (disk / "store.ballast").exists()
            fill(disk)
            rotate(person, quick)
            assert not (disk / "store.ballast").exists()
            assert degraded(person) is None
        (disk / "taken").unlink()


def test_on_a_full_disk_without_ballast_tokens_come_from_memory_until_there_is_room(
    person: Person, quick: ScriptedIssuer
) -> None:
    with (
        small_disk(person, "size=600k") as disk,
        nothing_is_lost(person, quick),
        daemon(person),
    ):
        sign_in(person, "work", quick)
        rotate(person, quick)
        (disk / "store.ballast").unlink()
        taken = fill(disk)
        # As long as the log has room of its own, saves still fit into it.
        wait_until(partial(rotated_into_memory, person, quick), "a refused save")
        told = degraded(person)
        assert isinstance(told, dict)
        assert told["unsaved"] == ["work"]
        assert told["what"]
        rotate(person, quick)
        taken.unlink()
        wait_until(lambda: degraded(person) is None, "it is saved")


def rotated_into_memory(person: Person, issuer: ScriptedIssuer) -> bool:
    rotate(person, issuer)
    return degraded(person) is not None


def test_on_a_full_disk_tokens_are_served_and_their_entries_are_written_later(
    person: Person, quick: ScriptedIssuer
) -> None:
    with (
        small_disk(person, "size=600k") as disk,
        nothing_is_lost(person, quick),
        daemon(person),
    ):
        sign_in(person, "work", quick)
        person.json("log", "verify")
        before = (disk / "audit.jsonl").stat().st_size
        # The last page of the log has room for a few lines still.
        taken = fill(disk)
        wait_until(partial(log_is_refused, person, quick), "a refused line")
        assert quick.gave("work", person.token("work"))
        taken.unlink()
        wait_until(
            lambda: person.brokerctl("log", "verify").status == 0, "there is room"
        )
        assert (disk / "audit.jsonl").stat().st_size > before


def log_is_refused(person: Person, issuer: ScriptedIssuer) -> bool:
    assert issuer.gave("work", person.token("work"))
    return person.brokerctl("log", "verify").status == STORE_FAILED


def test_a_300_kilobyte_disk_is_enough(person: Person, quick: ScriptedIssuer) -> None:
    with (
        small_disk(person, "size=300k") as disk,
        nothing_is_lost(person, quick),
        daemon(person),
    ):
        sign_in(person, "work", quick)
        taken = fill(disk)
        rotate(person, quick)
        rotate(person, quick)
        taken.unlink()
        wait_until(lambda: degraded(person) is None, "it is saved")


def test_after_an_error_of_a_sync_the_file_is_opened_anew_before_it_is_trusted(
    person: Person, quick: ScriptedIssuer
) -> None:
    trace = person.home.parent / "strace.log"
    log_file = person.store.with_name("store.db-wal")
    fails = ("-e", "inject=fdatasync:error=EIO:when=1", f"--trace-path={log_file}")
    with nothing_is_lost(person, quick), daemon(person) as running:
        sign_in(person, "work", quick)
        with traced(running.pid, trace, *fails):
            rotate(person, quick)
            wait_until(lambda: degraded(person) is None, "it is saved")
            running.terminate()
            running.wait()
        names = [
            "failed" if "INJECTED" in call.text else call.name
            for call in calls_in(trace)
            if call.name in {"fdatasync", "openat"}
        ]
        # To close the old one is to sync it, which saves nothing that was refused.
        assert "openat" in names[names.index("failed") :], names
        anew = names[names.index("openat", names.index("failed")) :]
        assert "fdatasync" in anew, names


def test_on_a_disk_that_went_read_only_tokens_come_from_memory(
    person: Person, quick: ScriptedIssuer
) -> None:
    with disk_with_errors(person) as disk:
        with daemon(person) as running:
            sign_in(person, "work", quick)
            mount("-o", "remount,abort", str(disk))
            rotate(person, quick)
            told = degraded(person)
            assert isinstance(told, dict)
            assert told["unsaved"] == ["work"]
            rotate(person, quick)
        assert running.returncode == STORE_FAILED
        refused = person.brokerctl("token", "work")
        assert refused.status == DIRECTORY_UNSAFE, refused
        assert "read-only file system" in refused.complaint
    log = (person.home.parent / "brokerd.log").read_text()
    assert "newest sign-ins of work were in memory alone, and are lost" in log
    assert "Traceback" not in log
    hunt(person, quick.secrets())


@pytest.mark.parametrize("lost", ["store.db", "store.db-wal"])
def test_a_save_into_a_file_that_was_deleted_is_not_acknowledged(
    person: Person, issuer: ScriptedIssuer, lost: str
) -> None:
    with daemon(person):
        sign_in(person, "work", issuer)
    with daemon(person):
        asking = ask_and_hold(person, "work", issuer)
        person.store.with_name(lost).unlink()
        issuer.release()
        token, _ = asking.communicate()
        assert issuer.gave("work", token.strip()), "it is served from memory"
        told = degraded(person)
        assert isinstance(told, dict), "it is told that it is not saved"
        assert lost in str(told["what"])
    hunt(person, issuer.secrets())


def test_a_daemon_whose_state_folder_is_deleted_ends_and_makes_no_other(
    person: Person, issuer: ScriptedIssuer
) -> None:
    with daemon(person) as running:
        sign_in(person, "work", issuer)
        # At once: what the daemon does while its files go one by one is luck.
        gone = person.home / "gone"
        person.store.parent.rename(gone)
        shutil.rmtree(gone)
        running.wait()
        log = (person.home.parent / "brokerd.log").read_text()
        assert "daemon.unreachable" in log
        assert "Traceback" not in log
        assert not person.store.exists()
    hunt(person, issuer.secrets())


def test_without_a_free_inode_saves_go_on_and_a_start_tells(
    person: Person, quick: ScriptedIssuer
) -> None:
    with small_disk(person, "nr_inodes=12,size=2m") as disk:
        with daemon(person):
            sign_in(person, "work", quick)
            fill_inodes(disk)
            rotate(person, quick)
            assert degraded(person) is None
        taken = taken_names(disk)
        fill_inodes(disk)
        with daemon(person):
            rotate_or_be_told(person, quick)
            for path in taken:
                path.unlink()
        with nothing_is_lost(person, quick):
            pass


def taken_names(disk: Path) -> list[Path]:
    return list(disk.glob("taken-*"))


def rotate_or_be_told(person: Person, issuer: ScriptedIssuer) -> None:
    """Where the store cannot be opened it is locked, and says why; nothing is made."""
    status = person.json("status")
    if status["store"] == "open":
        rotate(person, issuer)
    else:
        assert status["store"] == "locked"
        assert status["locked_because"]
