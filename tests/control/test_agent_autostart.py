"""The agent starts with the session: what is written, and what is run for that."""

import configparser
import json
import plistlib
import shlex
from pathlib import Path

import pytest

from broker.control import agent_autostart
from broker.control.agent_autostart import by_desktop, by_launchd, by_logon_task
from tests.control.conftest import Run

BROKERCTL = Path("/opt/brokerd/bin/brokerctl")


@pytest.fixture
def entry(runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    del runtime
    monkeypatch.setattr(agent_autostart, "installed_command", lambda _: BROKERCTL)
    monkeypatch.setattr(agent_autostart, "_of_this_system", lambda: by_desktop)
    return tmp_path / ".config/autostart/brokerd-agent.desktop"


def test_the_desktop_is_told_to_start_it(run: Run, entry: Path) -> None:
    report = json.loads(run("agent", "install", "--json").stdout)
    assert report["wrote"] == [str(entry)]
    found = configparser.ConfigParser(interpolation=None)
    found.read(entry)
    assert found["Desktop Entry"]["Type"] == "Application"
    assert shlex.split(found["Desktop Entry"]["Exec"]) == [str(BROKERCTL), "agent"]


def test_an_install_of_ours_is_written_anew_and_taken_away(
    run: Run, entry: Path
) -> None:
    assert run("agent", "install").exit_code == 0
    assert run("agent", "install").exit_code == 0
    assert run("agent", "uninstall").exit_code == 0
    assert not entry.exists()
    again = json.loads(run("agent", "uninstall", "--json").stdout)
    assert again["removed"] == []


def test_a_strangers_file_is_not_touched_unasked(run: Run, entry: Path) -> None:
    entry.parent.mkdir(parents=True)
    entry.write_text("[Desktop Entry]\nExec=mine\n")
    assert run("agent", "install").exit_code == 31
    assert run("agent", "uninstall").exit_code == 31
    assert "mine" in entry.read_text()
    assert run("agent", "install", "--force").exit_code == 0
    assert "mine" not in entry.read_text()


def test_a_command_under_a_path_that_cannot_be_written_is_refused(
    run: Run, entry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = Path("/opt/a=b/brokerctl")
    monkeypatch.setattr(agent_autostart, "installed_command", lambda _: odd)
    assert run("agent", "install").exit_code == 31
    assert not entry.exists()


def test_launchd_is_given_a_property_list_and_told_of_it(
    runtime: Path, tmp_path: Path
) -> None:
    del runtime
    starting = by_launchd(Path("/opt/a & b/brokerctl"))
    ((path, text),) = starting.files.items()
    assert path == tmp_path / "Library/LaunchAgents/dev.brokerd.agent.plist"
    found = plistlib.loads(text.encode())
    assert found["ProgramArguments"] == ["/opt/a & b/brokerctl", "agent"]
    assert found["LimitLoadToSessionType"] == "Aqua"
    assert starting.begin[0][:2] == ("/bin/launchctl", "bootstrap")
    assert starting.begin[0][-1] == str(path)
    assert starting.end[0][1] == "bootout"
    assert starting.end[0][2].endswith("/dev.brokerd.agent")


def test_the_task_scheduler_is_given_the_words_that_it_takes() -> None:
    starting = by_logon_task(Path("C:/Program Files/brokerctl.exe"))
    assert starting.begin == (
        (
            *("schtasks", "/Create", "/TN", "brokerd-agent", "/F"),
            *("/TR", '"C:/Program Files/brokerctl.exe" agent'),
            *("/SC", "ONLOGON", "/RL", "LIMITED", "/IT"),
        ),
    )
    assert starting.end == (("schtasks", "/Delete", "/TN", "brokerd-agent", "/F"),)
    with pytest.raises(ValueError, match="quotation"):
        by_logon_task(Path('C:/a"b/brokerctl.exe'))
