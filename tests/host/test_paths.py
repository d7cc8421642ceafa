from pathlib import Path

import pytest

from broker.host import config_directory, runtime_directory, state_directory

VARIABLES = (
    "BROKERD_CONFIG_DIR",
    "BROKERD_STATE_DIR",
    "BROKERD_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "XDG_RUNTIME_DIR",
)


@pytest.fixture(autouse=True)
def _own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_our_own_variables_come_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/not/this")
    monkeypatch.setenv("BROKERD_CONFIG_DIR", str(tmp_path / "c"))
    monkeypatch.setenv("BROKERD_STATE_DIR", str(tmp_path / "s"))
    monkeypatch.setenv("BROKERD_RUNTIME_DIR", str(tmp_path / "r"))
    found = (config_directory(), state_directory(), runtime_directory())
    assert found == (tmp_path / "c", tmp_path / "s", tmp_path / "r")


def test_a_relative_folder_is_taken_from_where_the_daemon_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BROKERD_STATE_DIR", "here")
    assert state_directory() == tmp_path / "here"


def test_the_xdg_folders_hold_a_folder_of_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "s"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "c"))
    assert state_directory() == tmp_path / "s" / "brokerd"
    assert config_directory() == tmp_path / "c" / "brokerd"


def test_without_variables_everything_lies_in_the_home(tmp_path: Path) -> None:
    assert state_directory().is_relative_to(tmp_path)
    assert config_directory().is_relative_to(tmp_path)


def test_asking_for_a_folder_makes_none(tmp_path: Path) -> None:
    config_directory()
    state_directory()
    runtime_directory()
    assert list(tmp_path.iterdir()) == []
