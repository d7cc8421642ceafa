"""The store, its key from DPAPI and the rules of files, on a Windows Python under wine.

It is the real Python of Windows with the real wheels; Windows itself is wine's. What
wine cannot show stands at the end of docs/development.md.
"""

import re
from collections.abc import Iterator
from pathlib import PureWindowsPath

import pytest

from broker.control.units import agent_task
from tests.system.desktop import desktop
from tests.system.windows_python import DRIVE, TREE, end_wine, windows, windows_python

# Windows' own, then what is promised everywhere.
SHOWN = (
    "tests/system/windows",
    "tests/host/test_files.py",
    "tests/host/test_lock.py",
    "tests/contracts/test_grant_store.py",
    "tests/contracts/test_key_source.py",
    "tests/store/test_damage.py",
    "tests/store/test_database.py",
    "tests/store/test_files.py",
    "tests/store/test_store.py",
)

_NO_LINKS = "wine makes no links"
_OPEN_FILES = "Windows lets nobody delete or replace a file that is open"
_MODES = "speaks of POSIX' modes"

NOT_HERE = {
    "tests/host/test_files.py": {
        "test_a_link_is_a_fault_and_is_not_read_flushed_or_written_through": _NO_LINKS,
        "test_no_file_is_made_where_a_link_that_leads_nowhere_points": _NO_LINKS,
    },
    "tests/host/test_lock.py": {
        "test_a_link_in_the_place_of_the_lock_is_refused": _NO_LINKS,
    },
    "tests/contracts/test_key_source.py": {
        "test_a_key_that_is_gone_leaves_the_store_locked_with_a_reason[dpapi]": (
            "wine's Windows has one user: see windows/test_dpapi.py"
        ),
        "test_where_it_is_not_ready_it_says_why_to_people[dpapi]": (
            "nothing makes wine's Windows refuse"
        ),
        "test_a_store_is_not_made_with_a_key_that_cannot_be_kept": "systemd's source",
    },
    "tests/store/test_database.py": {
        "test_a_file_that_vanishes_during_a_save_is_seen_before_it_is_acknowledged": (
            _OPEN_FILES
        ),
    },
    "tests/store/test_files.py": {
        "test_no_store_is_made_through_a_link_that_leads_nowhere": _NO_LINKS,
        "test_the_second_name_that_a_crash_left_is_taken_away_at_opening": (
            "a rename leaves no second name"
        ),
        "test_a_file_that_is_no_store_is_named_and_left_as_it_is[linked-symbolic link]": (  # noqa: E501
            _NO_LINKS
        ),
        "test_a_file_that_is_no_store_has_no_key_source[linked-symbolic link]": (
            _NO_LINKS
        ),
        "test_a_store_that_others_could_read_is_closed_to_them_again": _MODES,
        "test_a_folder_with_strange_letters_is_no_obstacle": "with a question mark",
    },
    "tests/store/test_store.py": {
        "test_what_was_saved_is_found_by_whoever_copies_the_files_of_a_running_store": (
            "wine hands no access list on, so that the copied key is open to others"
        ),
        "test_all_files_are_the_persons_alone_under_any_umask": _MODES,
        "test_a_save_into_a_file_that_nobody_would_find_is_not_acknowledged": (
            _OPEN_FILES
        ),
    },
}
"""Tests of those files that are left out, and why."""

PRIVATE_AND_NOT = r"""
import os, pathlib, shutil
from broker.host.files import make_private_folder, private_file
room = pathlib.Path("C:/room")
shutil.rmtree(room, ignore_errors=True)
make_private_folder(room)
with private_file(room / "private") as descriptor:
    os.write(descriptor, b"text")
(room / "ordinary").write_bytes(b"text")
"""


@pytest.fixture(autouse=True)
def wine() -> Iterator[None]:
    yield
    end_wine()


def test_the_store_and_the_rules_of_files_hold_on_windows() -> None:
    left_out = [
        f"--deselect={file}::{test}" for file in NOT_HERE for test in NOT_HERE[file]
    ]
    with desktop(None) as desk:
        said = windows_python(
            *("-m", "pytest", "-q", "-p", "no:cacheprovider"),
            # The conftest.py above knows users and sockets of POSIX.
            "--confcutdir=tests/system/windows",
            *left_out,
            *SHOWN,
            display=desk.display,
        )
    assert said.returncode == 0, said.stdout[-20_000:] + said.stderr[-2000:]
    (summary,) = re.findall(r"^\d+ passed.*", said.stdout, re.MULTILINE)
    assert "skipped" not in summary


def test_windows_takes_the_task_that_starts_the_agent() -> None:
    text = agent_task(PureWindowsPath("C:/a & b/brokerctl.exe"), r"DESKTOP\Jörg")
    (DRIVE / "agent.xml").write_text(text)
    create = windows(
        *("schtasks", "/Create", "/TN", "brokerd-agent"),
        *("/XML", r"C:\agent.xml", "/F"),
    )
    delete = ("schtasks", "/Delete", "/TN", "brokerd-agent", "/F")
    assert create.returncode == 0, create
    assert windows(*delete).returncode == 0
    assert windows(*delete).returncode == 1  # it was there


def test_every_test_that_is_left_out_is_there() -> None:
    gone = [
        test
        for file, tests in NOT_HERE.items()
        for test in tests
        if f"def {test.partition('[')[0]}(" not in (TREE / file).read_text()
    ]
    assert gone == []


def test_what_is_private_on_windows_is_closed_to_the_other_users_of_debian() -> None:
    said = windows_python("-c", PRIVATE_AND_NOT)
    assert (said.returncode, said.stderr[-2000:]) == (0, "")
    modes = {
        path.name: path.stat().st_mode & 0o007 for path in (DRIVE / "room").iterdir()
    }
    assert modes == {"private": 0, "ordinary": 0o004}
    assert (DRIVE / "room").stat().st_mode & 0o007 == 0
