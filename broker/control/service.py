"""`brokerctl service`: hand the daemon to the service manager, and take it back."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

import click

from broker.control import launchd, systemd
from broker.control.detached import stop_detached
from broker.control.output import json_option, say, say_json, tells_errors
from broker.control.service_calls import ServiceError
from broker.control.start import FOLDERS
from broker.control.units import is_ours


class Manager(Protocol):
    """What `systemd` and `launchd` have in common."""

    NAME: str

    def wanted_files(self, brokerd: Path, /) -> dict[Path, str]: ...  # noqa: D102 - the modules say it
    def require(self) -> None: ...  # noqa: D102 - as above
    def take_up(self) -> None: ...  # noqa: D102 - as above
    def let_go(self) -> None: ...  # noqa: D102 - as above
    def forget(self) -> None: ...  # noqa: D102 - as above
    def state(self) -> dict[str, str]: ...  # noqa: D102 - as above


@click.group()
def service() -> None:
    """Let the service manager start the daemon when it is needed."""


@service.command()
@click.option("--force", is_flag=True, help="Replace files that are not ours.")
@json_option
@tells_errors
def install(*, force: bool, as_json: bool) -> None:
    """Put the service in place and start listening."""
    _tell(_install(_manager(), force=force), as_json=as_json)


@service.command()
@click.option("--force", is_flag=True, help="Remove files that are not ours.")
@json_option
@tells_errors
def uninstall(*, force: bool, as_json: bool) -> None:
    """Stop the service and remove its files; accounts stay as they are."""
    _tell(_uninstall(_manager(), force=force), as_json=as_json)


@service.command()
@json_option
@tells_errors
def status(*, as_json: bool) -> None:
    """Say whether the service is installed, enabled and running."""
    _tell(_status(_manager()), as_json=as_json)


Report = Mapping[str, object]


def _install(manager: Manager, *, force: bool) -> Report:
    manager.require()
    wanted = _wanted(manager)
    _refuse_strangers(wanted, force=force)
    stopped = "active" not in manager.state().values() and stop_detached()
    for path, text in wanted.items():
        _write(path, text)
    manager.take_up()
    return {
        "manager": manager.NAME,
        "wrote": [str(path) for path in wanted],
        "stopped_daemon": stopped,
        "not_seen_by_the_service": [n for n in FOLDERS if os.environ.get(n)],
        **manager.state(),
    }


def _uninstall(manager: Manager, *, force: bool) -> Report:
    manager.require()
    there = [path for path in _wanted(manager) if path.exists()]
    _refuse_strangers(there, force=force)
    if there:
        manager.let_go()
    for path in there:
        path.unlink()
    manager.forget()
    return {"manager": manager.NAME, "removed": [str(path) for path in there]}


def _status(manager: Manager) -> Report:
    wanted = _wanted(manager)
    there = [path for path in wanted if path.exists()]
    current = all(path.read_text(errors="replace") == wanted[path] for path in there)
    report: dict[str, object] = {
        "manager": manager.NAME,
        "installed": len(there) == len(wanted),
        "files": [str(path) for path in there],
        "up_to_date": bool(there) and current,
    }
    try:
        manager.require()
    except ServiceError as error:
        return {**report, "unreachable": error.detail}
    return {**report, **manager.state()}


def _manager() -> Manager:
    if sys.platform == "darwin":
        return launchd
    if shutil.which("systemctl"):
        return systemd
    raise ServiceError(
        "neither systemd nor launchd is here",
        "brokerctl starts the daemon when it is needed; or start it yourself: brokerd",
    )


def _wanted(manager: Manager) -> dict[Path, str]:
    try:
        return manager.wanted_files(_brokerd())
    except ValueError as exc:
        raise ServiceError(str(exc), "install brokerd under a plainer path") from exc


def _brokerd() -> Path:
    """The daemon's command: beside this one's interpreter, as pipx and pip put it."""
    beside = Path(sys.executable).parent / "brokerd"
    found = beside if beside.exists() else shutil.which("brokerd")
    if found is None:
        raise ServiceError(
            "the command brokerd is not installed", "install it with: pipx install ."
        )
    return Path(found).absolute()


def _refuse_strangers(paths: Iterable[Path], *, force: bool) -> None:
    """A file that a person or another package wrote is not touched unasked."""
    for path in paths:
        if force or not path.exists():
            continue
        if not is_ours(path.read_text(encoding="utf-8", errors="replace")):
            raise ServiceError(
                f"{path} is there and is not ours",
                "look at it, then say --force to have it replaced or removed",
            )


def _write(path: Path, text: str) -> None:
    """Put `text` at `path` whole or not at all: a manager may be reading."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, delete=False
        ) as file:
            file.write(text)
        Path(file.name).chmod(0o644)
        Path(file.name).replace(path)
    except OSError as exc:
        raise ServiceError(
            f"{path} could not be written: {exc.strerror}",
            "look at the folder's owner and mode",
        ) from exc


def _tell(report: Report, *, as_json: bool) -> None:
    """The report as JSON, or as one line for each fact."""
    if as_json:
        say_json(report)
        return
    for name, value in report.items():
        for one in value if isinstance(value, list) else [value]:
            say(f"{name.replace('_', ' ')}: {_plain(one)}")


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
