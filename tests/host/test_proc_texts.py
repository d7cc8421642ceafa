"""The texts of /proc, as the kernel writes them and as a hostile program would."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.host.proc_texts import (
    executable_of,
    flatpak_of,
    is_interpreter,
    parse_stat,
    script_of,
    snap_of_label,
    snap_of_unit,
    unit_of,
)

REST = b"S 1 42 42 34816 42 4194560 1 0 0 0 0 0 0 0 20 0 1 0 %d 2 3\n"


def test_the_name_the_start_and_the_terminal_are_read_off_the_line() -> None:
    found = parse_stat(b"42 (bash) " + REST % 7788)
    assert found is not None
    assert (found.command, found.started, found.tty) == ("bash", 7788, "pts/0")


@pytest.mark.parametrize("name", [b") R 1 2 3 (", b"a) b", b"", b"(", b"\xff\n"])
def test_a_name_cannot_put_other_numbers_in_the_place_of_the_kernels(
    name: bytes,
) -> None:
    found = parse_stat(b"42 (" + name + b") " + REST % 7788)
    assert found is not None
    assert found.started == 7788
    assert found.command == name.decode(errors="surrogateescape")


@given(st.binary(max_size=60))
def test_what_is_no_line_of_stat_is_none(line: bytes) -> None:
    assert parse_stat(line) is None


@pytest.mark.parametrize(
    ("device", "tty"),
    [
        (0, None),
        (0x8803, "pts/3"),
        (0x10882C, "pts/300"),
        (0x8900, "pts/256"),
        (0x0402, "tty2"),
        (0x0440, "ttyS0"),
        (0xE503, "229:3"),
    ],
)
def test_a_terminal_is_named_as_people_know_it(device: int, tty: str | None) -> None:
    line = b"1 (x) S 1 42 42 %d 42 4194560 1 0 0 0 0 0 0 0 20 0 1 0 5 2\n" % device
    found = parse_stat(line)
    assert found is not None
    assert found.tty == tty


USER = "/user.slice/user-1000.slice/user@1000.service"


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        (f"{USER}/app.slice/backup.service", "backup.service"),
        (f"{USER}/app.slice/app-gnome-x.slice/run-r1.scope", "run-r1.scope"),
        (f"{USER}/app.slice/a.service/deeper/b.service", "a.service"),
        (USER, "user@1000.service"),
        ("/user.slice/user-1000.slice/session-3.scope", "session-3.scope"),
        ("/system.slice/cron.service", "cron.service"),
        ("/system.slice/_cpu.service", "cpu.service"),
        ("/docker/0123/system.slice/cron.service", "cron.service"),
        ("/", None),
        ("/a.service.d/b", None),
        ("", None),
    ],
)
def test_the_unit_is_the_part_of_the_cgroup_that_systemd_says(
    path: str, unit: str | None
) -> None:
    assert unit_of(f"0::{path}\n") == unit


def test_systemds_own_tree_is_read_where_there_are_many() -> None:
    text = "9:name=systemd:/system.slice/a.service\n4:memory:/x.service\n0::/\n"
    assert unit_of(text) == "a.service"


@pytest.mark.parametrize("text", ["", "\n", "0", "0:", "x:y", "0::\n:::"])
def test_a_page_that_says_nothing_has_no_unit(text: str) -> None:
    assert unit_of(text) is None


@pytest.mark.parametrize(
    ("unit", "flatpak"),
    [
        ("app-flatpak-org.gnome.Maps-12345.scope", "org.gnome.Maps"),
        ("app-flatpak-org.x.A\\x2db-1.scope", "org.x.A-b"),
        ("app-org.gnome.Maps-12345.scope", None),
        ("app-flatpak-org.gnome.Maps-1.service", None),
        (None, None),
    ],
)
def test_a_flatpak_is_named_by_its_scope(unit: str | None, flatpak: str | None) -> None:
    assert flatpak_of(unit) == flatpak


@pytest.mark.parametrize(
    ("unit", "snap"),
    [
        (
            "snap.firefox.firefox-0a1b2c3d-0001-0002-0003-0123456789ab.scope",
            "firefox.firefox",
        ),
        ("snap.lxd.daemon.service", "lxd.daemon"),
        ("snapd.service", None),
        (None, None),
    ],
)
def test_a_snap_is_named_by_its_unit(unit: str | None, snap: str | None) -> None:
    assert snap_of_unit(unit) == snap


@pytest.mark.parametrize(
    ("label", "snap"),
    [
        ("snap.firefox.firefox (enforce)", "firefox.firefox"),
        ("snap.firefox.firefox (complain)", None),
        ("unconfined", None),
        ("", None),
    ],
)
def test_a_label_counts_where_it_is_enforced(label: str, snap: str | None) -> None:
    assert snap_of_label(label) == snap


@pytest.mark.parametrize(
    ("executable", "answer"),
    [
        ("/usr/bin/python3.11", True),
        ("/usr/bin/bash", True),
        ("/usr/bin/dash", True),
        ("/usr/bin/perl", True),
        ("/usr/bin/node", True),
        ("/usr/bin/curl", False),
        ("/usr/bin/ssh", False),
        (None, False),
    ],
)
def test_an_interpreter_is_known_by_its_file(
    executable: str | None,
    answer: bool,  # noqa: FBT001 - pytest gives it
) -> None:
    assert is_interpreter(executable) is answer


@pytest.mark.parametrize(
    ("words", "script"),
    [
        (["python3", "/home/ann/backup.py", "--all"], "/home/ann/backup.py"),
        (["python3", "-u", "-W", "error", "backup.py"], "backup.py"),
        (["python3", "-m", "http.server"], "-m http.server"),
        (["java", "-jar", "a.jar"], "-jar a.jar"),
        (["sh", "-e", "a.sh"], None),
        (["python3", "-c", "password='x'"], None),
        (["perl", "-ne", "print 'x'"], None),
        (["node", "--eval=secret", "x"], None),
        (["bash"], None),
        ([], None),
    ],
)
def test_a_script_is_guessed_from_the_command_line(
    words: list[str], script: str | None
) -> None:
    assert script_of("".join(f"{word}\0" for word in words).encode()) == script


@given(st.binary(max_size=60))
def test_any_command_line_is_read_to_its_end(cmdline: bytes) -> None:
    script_of(cmdline)


def test_a_program_whose_file_was_upgraded_is_called_what_it_was() -> None:
    assert executable_of("/usr/bin/curl (deleted)") == "/usr/bin/curl"
    assert executable_of("/usr/bin/curl") == "/usr/bin/curl"
