"""The agent starts with the session: what is written, and what is run for that."""

import configparser
import json
import plistlib
import shlex
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from broker.control import agent_autostart
from broker.control.agent_autostart import by_desktop, by_launchd, by_logon_task
from broker.control.units import is_ours
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


def test_the_task_scheduler_is_given_a_task_of_this_user_alone(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del runtime
    monkeypatch.setenv("USERDOMAIN", "DESKTOP")
    monkeypatch.setattr("getpass.getuser", lambda: "Jörg & Ann")
    starting = by_logon_task(Path("C:/Users/Jörg & Ann/brokerctl.exe"))
    ((path, text),) = starting.files.items()
    assert text.isascii()
    assert is_ours(text)
    task = ET.fromstring(text)  # noqa: S314 - our own
    assert found(task, "LogonTrigger/t:UserId") == ["DESKTOP\\Jörg & Ann"]
    assert found(task, "Principal/t:UserId") == ["DESKTOP\\Jörg & Ann"]
    assert found(task, "RunLevel") == ["LeastPrivilege"]
    assert found(task, "Command") == ["C:\\Users\\Jörg & Ann\\brokerctl.exe"]
    assert found(task, "Arguments") == ["agent"]
    # Neither after three days nor on a battery, as tasks do unless they are told.
    assert found(task, "ExecutionTimeLimit") == ["PT0S"]
    assert found(task, "DisallowStartIfOnBatteries") == ["false"]
    assert found(task, "StopIfGoingOnBatteries") == ["false"]
    assert starting.begin == (
        ("schtasks", "/Create", "/TN", "brokerd-agent", "/XML", str(path), "/F"),
    )
    assert starting.end == (("schtasks", "/Delete", "/TN", "brokerd-agent", "/F"),)


def found(task: ET.Element, path: str) -> list[str | None]:
    names = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    return [one.text for one in task.findall(f".//t:{path}", names)]
