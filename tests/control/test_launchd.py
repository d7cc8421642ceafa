"""launchd's side, against a launchctl that writes down what it is told."""

from pathlib import Path
from textwrap import dedent

import pytest

from broker.control import launchd
from broker.control.service_calls import ServiceError

LAUNCHCTL = """\
    #!/bin/sh
    # A launchctl that keeps its own small state: the file `loaded`.
    here=$(dirname "$0")
    echo "$*" >> "$here/calls"
    case "$1 $2" in
    "print "*/dev.brokerd) [ -e "$here/loaded" ] && echo "state = running" ;;
    "print "*) [ ! -e "$here/no-session" ] ;;
    "bootstrap "*) touch "$here/loaded" ;;
    "bootout "*) rm "$here/loaded" ;;
    esac
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    launchctl = tmp_path / "launchctl"
    launchctl.write_text(dedent(LAUNCHCTL))
    launchctl.chmod(0o755)
    monkeypatch.setattr(launchd, "_LAUNCHCTL", str(launchctl))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def deeds(tools: Path) -> list[str]:
    """What it was told to do, without what it was asked."""
    calls = (tools / "calls").read_text().splitlines()
    return [call.split()[0] for call in calls if not call.startswith("print")]


def test_the_agent_is_loaded_into_the_persons_own_session(tools: Path) -> None:
    launchd.take_up()
    assert deeds(tools) == ["bootstrap"]
    assert launchd.state() == {"enabled": "enabled", "daemon": "active"}


def test_an_agent_that_is_loaded_is_taken_out_before_it_is_loaded_anew(
    tools: Path,
) -> None:
    launchd.take_up()
    launchd.take_up()
    assert deeds(tools) == ["bootstrap", "bootout", "bootstrap"]


def test_letting_go_twice_is_no_error(tools: Path) -> None:
    launchd.take_up()
    launchd.let_go()
    launchd.let_go()
    assert deeds(tools) == ["bootstrap", "bootout"]
    assert launchd.state() == {"enabled": "disabled", "daemon": "inactive"}


def test_without_a_session_at_the_screen_the_error_says_so(tools: Path) -> None:
    (tools / "no-session").touch()
    with pytest.raises(ServiceError, match="no session") as caught:
        launchd.require()
    assert "log in" in caught.value.hint


def test_the_property_list_lies_where_launchd_looks(tools: Path) -> None:
    (path,) = launchd.wanted_files(Path("/opt/brokerd"))
    assert path == tools / "home/Library/LaunchAgents/dev.brokerd.plist"
