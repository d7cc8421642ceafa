import plistlib
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from broker.control.units import (
    SERVICE,
    SOCKET,
    agent_desktop,
    agent_plist,
    desktop_path,
    exec_path,
    is_ours,
    launchd_plist,
    systemd_units,
)

BROKERD = Path("/opt/tools/bin/brokerd")
LOG = Path("/home/ada/Library/Logs/brokerd.log")

# What launchd.plist(5) allows for each key that we write.
PLIST_SCHEMA: dict[str, type] = {
    "Label": str,
    "ProgramArguments": list,
    "RunAtLoad": bool,
    "KeepAlive": dict,
    "ProcessType": str,
    "Umask": int,
    "HardResourceLimits": dict,
    "StandardErrorPath": str,
}


def settings(unit: str) -> dict[str, list[str]]:
    """Key to values of one unit, in the order of its lines."""
    found: dict[str, list[str]] = {}
    for line in unit.splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def test_the_service_starts_the_daemon_by_its_absolute_path() -> None:
    service = settings(systemd_units(BROKERD)[SERVICE])
    assert service["ExecStart"] == ['"/opt/tools/bin/brokerd"']
    assert service["Type"] == ["notify"]


def test_the_socket_is_the_owners_alone_and_takes_a_herd() -> None:
    socket = settings(systemd_units(BROKERD)[SOCKET])
    assert socket["ListenStream"] == ["%t/brokerd/broker.sock"]
    assert socket["FileDescriptorName"] == ["admin"]
    assert socket["SocketMode"] == ["0600"]
    assert socket["DirectoryMode"] == ["0700"]
    assert socket["Backlog"] == ["4096"]


def test_the_service_asks_for_nothing_that_hides_its_peers() -> None:
    service = settings(systemd_units(BROKERD)[SERVICE])
    namespaced = {
        "CapabilityBoundingSet",
        "PrivateDevices",
        "PrivateNetwork",
        "PrivateTmp",
        "PrivateUsers",
        "ProtectHome",
        "ProtectProc",
        "ProtectSystem",
    }
    assert namespaced.isdisjoint(service)


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("/home/a b/brokerd", '"/home/a b/brokerd"'),
        ("/home/100%/brokerd", '"/home/100%%/brokerd"'),
        ('/home/"q"/brokerd', '"/home/\\"q\\"/brokerd"'),
        ("/home/back\\slash/brokerd", '"/home/back\\\\slash/brokerd"'),
        ("/home/$USER/brokerd", '"/home/$USER/brokerd"'),
    ],
)
def test_characters_that_mean_something_to_systemd_are_written_as_themselves(
    path: str, written: str
) -> None:
    assert exec_path(Path(path)) == written


@pytest.mark.parametrize("path", ["brokerd", "/bin/a\nExecStartPost=/bin/b", "/a\tb"])
def test_a_path_that_could_add_a_line_or_is_not_absolute_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="absolute path"):
        systemd_units(Path(path))
    with pytest.raises(ValueError, match="absolute path"):
        launchd_plist(Path(path), LOG)


def test_the_plist_holds_only_keys_that_launchd_knows_with_their_types() -> None:
    plist = plistlib.loads(launchd_plist(BROKERD, LOG).encode())
    assert {key: type(value) for key, value in plist.items()} == PLIST_SCHEMA


def test_the_plist_restarts_after_a_crash_only_and_leaves_no_core() -> None:
    plist = plistlib.loads(launchd_plist(BROKERD, LOG).encode())
    assert plist["Label"] == "dev.brokerd"
    assert plist["ProgramArguments"] == [str(BROKERD)]
    assert plist["KeepAlive"] == {"SuccessfulExit": False}
    assert plist["HardResourceLimits"] == {"Core": 0}
    assert plist["Umask"] == 0o077


@example("@LOG@")
@given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cn"])))
def test_the_plist_gives_back_every_path_as_it_was(name: str) -> None:
    path = Path("/home") / name.replace("/", "_")
    plist = plistlib.loads(launchd_plist(path, LOG).encode())
    assert plist["ProgramArguments"] == [str(path)]


def test_every_file_carries_the_mark_by_which_it_is_known_as_ours() -> None:
    texts = [
        *systemd_units(BROKERD).values(),
        launchd_plist(BROKERD, LOG),
        agent_desktop(BROKERD),
        agent_plist(BROKERD, LOG),
    ]
    assert all(is_ours(text) for text in texts)
    assert not is_ours("[Service]\nExecStart=/usr/local/bin/my-own-brokerd\n")


def unquoted(text: str) -> str:
    """As a desktop reads the first word of Exec=: a string first, then a quotation."""
    value = text.replace("\\\\", "\\")
    assert value[0] == value[-1] == '"'
    plain: str = re.sub(r'\\(["`$\\])', r"\1", value[1:-1])
    return plain.replace("%%", "%")


@example('a b"c`d$e\\f%g')
@given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cn"])))
def test_a_desktop_entry_gives_back_every_path_as_it_was(name: str) -> None:
    path = Path("/home") / name.replace("/", "_").replace("=", "_")
    assert unquoted(desktop_path(path)) == str(path)


@pytest.mark.parametrize("path", ["relative", "/a\nb", "/a=b"])
def test_a_path_that_no_desktop_starts_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        desktop_path(Path(path))
