"""`brokerctl service`: hand the daemon to the service manager, and take it back."""

import os
import shutil
import sys
from pathlib import Path
from typing import Protocol

import click

from broker.control import launchd, systemd
from broker.control.detached import stop_detached
from broker.control.installed_files import (
    Report,
    installed_command,
    refuse_strangers,
    tell_report,
    write_whole,
)
from broker.control.output import json_option, tells_errors
from broker.control.service_calls import ServiceError
from broker.control.start import FOLDERS


class Manager(Protocol):
    """What `systemd` and `launchd` have in common."""

    NAME: str

    def wanted_files(self, brokerd: Path, /) -> dict[Path, str]: ...  # noqa: D102 - the modules say it
    def require(self) -> None: ...  # noqa: D102 - as above
    def take_up(self) -> None: ...  # noqa: D102 - as above
    def let_go(self) -> None: ...  # noqa: D102 - as above
    def forget(self) -> None: ...  # noqa: D102 - as above
    def state(self) -> dict[str, str]: ...  # noqa: D102 - as above


@click.group(short_help="Let the service manager start the daemon.")
def service() -> None:
    """Let the service manager start the daemon when it is needed."""


@service.command()
@click.option("--force", is_flag=True, help="Replace files that are not ours.")
@json_option
@tells_errors
def install(*, force: bool, as_json: bool) -> None:
    """Put the service in place and start listening."""
    tell_report(_install(_manager(), force=force), as_json=as_json)


@service.command(short_help="Stop the service and remove its files.")
@click.option("--force", is_flag=True, help="Remove files that are not ours.")
@json_option
@tells_errors
def uninstall(*, force: bool, as_json: bool) -> None:
    """Stop the service and remove its files; accounts stay as they are."""
    tell_report(_uninstall(_manager(), force=force), as_json=as_json)


@service.command()
@json_option
@tells_errors
def status(*, as_json: bool) -> None:
    """Say whether the service is installed, enabled and running."""
    tell_report(_status(_manager()), as_json=as_json)


def _install(manager: Manager, *, force: bool) -> Report:
    manager.require()
    wanted = _wanted(manager)
    refuse_strangers(wanted, force=force)
    stopped = "active" not in manager.state().values() and stop_detached()
    for path, text in wanted.items():
        write_whole(path, text)
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
    refuse_strangers(there, force=force)
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
        return manager.wanted_files(installed_command("brokerd"))
    except ValueError as exc:
        raise ServiceError(str(exc), "install brokerd under a plainer path") from exc
