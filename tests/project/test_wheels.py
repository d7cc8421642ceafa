"""The built wheels, installed where no checkout is near."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.project.tree import ROOT


def run(*words: str | Path, cwd: Path) -> str:
    done = subprocess.run(  # noqa: S603 - our own build and what it built
        words, cwd=cwd, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own: both wheels, and the third parties from here."""
    place = tmp_path_factory.mktemp("elsewhere")
    for folder in (ROOT / "clients/python", ROOT):
        build = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d")
        run(*build, place / "wheels", cwd=folder)
    venv.create(place / "venv", symlinks=True)
    python = place / "venv/bin/python"
    install = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet")
    wheels = sorted((place / "wheels").iterdir())
    assert len(wheels) == 2
    run(*install, "--no-deps", "--no-index", *wheels, cwd=place)
    # A bare line of a .pth file adds the folder, but does not follow the .pth files
    # in it: the development environment's way to the checkout stays closed.
    site = Path(run(python, "-c", _PURELIB, cwd=place).strip())
    third_parties = sysconfig.get_path("purelib")
    (site / "third-parties.pth").write_text(f"{third_parties}\n")
    return place / "venv/bin"


_PURELIB = "import sysconfig; print(sysconfig.get_path('purelib'))"


def python(elsewhere: Path, code: str) -> str:
    return run(elsewhere / "python", "-c", code, cwd=elsewhere)


def test_the_installed_code_is_the_wheels(elsewhere: Path) -> None:
    code = "import broker, brokerd_client as b; print(broker.__file__, b.__file__)"
    for path in python(elsewhere, code).split():
        assert Path(path).is_relative_to(elsewhere.parent)


def test_the_units_are_found_in_the_wheel(elsewhere: Path) -> None:
    code = (
        "from pathlib import Path, PureWindowsPath;"
        "from broker.control.units import agent_task, launchd_plist, systemd_units;"
        "path = Path('/opt/brokerd');"
        "print(*systemd_units(path).values(), launchd_plist(path, path));"
        "print(agent_task(PureWindowsPath('C:/brokerctl.exe'), 'ann'))"
    )
    said = python(elsewhere, code)
    assert 'ExecStart="/opt/brokerd"' in said
    assert "ListenStream=" in said
    assert "<string>dev.brokerd</string>" in said
    assert r"<Command>C:\brokerctl.exe</Command>" in said


def test_the_issuers_and_the_pages_are_in_the_wheel(elsewhere: Path) -> None:
    code = (
        "from importlib.resources import files;"
        "p = files('broker');"
        "print(p.joinpath('issuers.toml').is_file(),"
        " sorted(f.name for f in p.joinpath('net/pages').iterdir()))"
    )
    said = python(elsewhere, code)
    assert said.startswith("True")
    assert ".html" in said


def test_the_commands_run(elsewhere: Path) -> None:
    assert run(elsewhere / "brokerd", "--version", cwd=elsewhere) == "brokerd 0.1.0\n"
    said = run(elsewhere / "brokerctl", "--version", cwd=elsewhere)
    assert said.startswith("brokerctl")
    assert "brokerd-token" in run(elsewhere / "brokerd-token", "--help", cwd=elsewhere)
