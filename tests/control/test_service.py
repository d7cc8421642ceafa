"""`brokerctl service` against a systemctl that writes down what it is told."""

import json
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner, Result

from broker.control.service import service

SYSTEMCTL = """\
    #!/bin/sh
    # A systemctl that keeps its own small state: the file `active`.
    here=$(dirname "$0")
    shift  # --user
    echo "$*" >> "$here/calls"
    [ -e "$here/no-manager" ] && { echo "Failed to connect to bus" >&2; exit 1; }
    case "$1" in
    enable) [ -e "$here/refuses" ] && { echo "Access denied" >&2; exit 1; }
            touch "$here/active" ;;
    disable) rm -f "$here/active" ;;
    is-enabled) [ -e "$here/active" ] && echo enabled || echo disabled ;;
    is-active) case "$2" in
        *.socket) [ -e "$here/active" ] && echo active || echo inactive ;;
        *) echo inactive ;;
        esac ;;
    esac
"""


@dataclass(frozen=True)
class Desk:
    """A person's home, with a systemctl of our own first on PATH."""

    home: Path
    tools: Path

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(service, words)

    def calls(self) -> list[str]:
        log = self.tools / "calls"
        return log.read_text().splitlines() if log.exists() else []

    @property
    def units(self) -> Path:
        return self.home / ".config/systemd/user"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(tmp_path / "home", tmp_path / "bin")
    for folder in (desk.home, desk.tools):
        folder.mkdir(mode=0o700)
    systemctl = desk.tools / "systemctl"
    systemctl.write_text(dedent(SYSTEMCTL))
    systemctl.chmod(0o755)
    monkeypatch.setenv("HOME", str(desk.home))
    monkeypatch.setenv("PATH", f"{desk.tools}:/usr/bin:/bin")
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("XDG_CONFIG_HOME", "BROKERD_CONFIG_DIR", "BROKERD_STATE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("BROKERD_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("BROKERD_SOCKET", str(tmp_path / "broker.sock"))
    return desk


def test_install_writes_both_units_and_starts_to_listen(desk: Desk) -> None:
    result = desk.run("install")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in desk.units.iterdir()) == [
        "brokerd.service",
        "brokerd.socket",
    ]
    assert "enable --now brokerd.socket" in desk.calls()
    assert desk.calls().index("daemon-reload") < desk.calls().index(
        "enable --now brokerd.socket"
    )
    assert f"wrote: {desk.units / 'brokerd.socket'}" in result.stdout


def test_the_units_can_be_read_by_the_manager_and_changed_by_the_person_only(
    desk: Desk,
) -> None:
    desk.run("install")
    modes = {path.stat().st_mode & 0o777 for path in desk.units.iterdir()}
    assert modes == {0o644}


def test_install_twice_changes_nothing_that_a_person_sees(desk: Desk) -> None:
    first = desk.run("install")
    assert desk.run("install").exit_code == first.exit_code == 0


def test_a_unit_of_somebody_elses_is_kept_unless_force_is_said(desk: Desk) -> None:
    desk.units.mkdir(parents=True)
    foreign = desk.units / "brokerd.service"
    foreign.write_text("[Service]\nExecStart=/usr/local/bin/other\n")
    refused = desk.run("install")
    assert refused.exit_code == 31
    assert f"brokerctl: error: {foreign} is there and is not ours" in refused.stderr
    assert "brokerctl: hint:" in refused.stderr
    assert "other" in foreign.read_text()
    assert not (desk.units / "brokerd.socket").exists()
    assert desk.run("install", "--force").exit_code == 0
    assert "other" not in foreign.read_text()


def test_uninstall_lets_go_and_takes_its_files_away(desk: Desk) -> None:
    desk.run("install")
    result = desk.run("uninstall")
    assert result.exit_code == 0, result.output
    assert list(desk.units.iterdir()) == []
    assert "disable --now brokerd.socket" in desk.calls()


def test_uninstall_leaves_a_unit_that_is_not_ours(desk: Desk) -> None:
    desk.units.mkdir(parents=True)
    foreign = desk.units / "brokerd.service"
    foreign.write_text("[Service]\n")
    assert desk.run("uninstall").exit_code == 31
    assert foreign.exists()


def test_status_tells_whether_it_is_installed_enabled_and_listening(
    desk: Desk,
) -> None:
    before = json.loads(desk.run("status", "--json").stdout)
    assert (before["installed"], before["enabled"]) == (False, "disabled")
    desk.run("install")
    after = json.loads(desk.run("status", "--json").stdout)
    assert after["installed"] is True
    assert after["up_to_date"] is True
    assert (after["enabled"], after["listening"]) == ("enabled", "active")


def test_status_sees_that_an_installed_unit_is_no_longer_what_we_would_write(
    desk: Desk,
) -> None:
    desk.run("install")
    unit = desk.units / "brokerd.service"
    unit.write_text(unit.read_text() + "Nice=5\n")
    assert json.loads(desk.run("status", "--json").stdout)["up_to_date"] is False


def test_without_a_user_manager_the_error_says_what_to_do_and_nothing_is_written(
    desk: Desk,
) -> None:
    (desk.tools / "no-manager").touch()
    result = desk.run("install")
    assert result.exit_code == 31
    assert "no systemd user manager answers here" in result.stderr
    assert "loginctl enable-linger" in result.stderr
    assert not desk.units.exists()


def test_status_answers_where_no_manager_does(desk: Desk) -> None:
    (desk.tools / "no-manager").touch()
    result = desk.run("status", "--json")
    assert result.exit_code == 0
    assert "Failed to connect to bus" in json.loads(result.stdout)["unreachable"]


def test_a_refusal_of_systemctl_is_told_in_its_own_words(desk: Desk) -> None:
    (desk.tools / "refuses").touch()
    result = desk.run("install", "--json")
    assert result.exit_code == 31
    assert json.loads(result.stdout)["detail"].endswith("Access denied")


def test_a_variable_that_the_service_will_not_see_is_named(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKERD_STATE_DIR", "/elsewhere")
    result = desk.run("install")
    assert "not seen by the service: BROKERD_STATE_DIR" in result.stdout
