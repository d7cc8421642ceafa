"""`brokerctl agent install`: the agent starts with the desktop session.

An XDG autostart file, a launch agent, or a logon task: nothing of it starts the daemon,
which the service or the first command does.
"""

import getpass
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

import click

from broker.control.installed_files import (
    installed_command,
    refuse_strangers,
    tell_report,
    write_whole,
)
from broker.control.output import json_option, tells_errors
from broker.control.service_calls import ServiceError, ask, demand
from broker.control.units import (
    AGENT_DESKTOP,
    AGENT_LABEL,
    AGENT_PLIST,
    AGENT_TASK,
    agent_desktop,
    agent_plist,
    agent_task,
)

TASK = "brokerd-agent"
"""The logon task's name on Windows."""

_LAUNCHCTL = "/bin/launchctl"


class Starting(NamedTuple):
    """How a system starts the agent.

    Attributes:
        name: of what starts it.
        files: to be written, by path.
        begin: commands that put it in force once those are there.
        end: commands that take it away before they are.
        note: when it starts, for people.
    """

    name: str
    files: dict[Path, str]
    begin: Sequence[Sequence[str]]
    end: Sequence[Sequence[str]]
    note: str


@click.command("install")
@click.option("--force", is_flag=True, help="Replace files that are not ours.")
@json_option
@tells_errors
def agent_install(*, force: bool, as_json: bool) -> None:
    """Have the agent start with your desktop session."""
    starting = _starting()
    refuse_strangers(starting.files, force=force)
    for path, text in starting.files.items():
        write_whole(path, text)
    for command in starting.begin:
        demand(command)
    tell_report(
        {
            "manager": starting.name,
            "wrote": [str(path) for path in starting.files],
            "starts": starting.note,
        },
        as_json=as_json,
    )


@click.command("uninstall")
@click.option("--force", is_flag=True, help="Remove files that are not ours.")
@json_option
@tells_errors
def agent_uninstall(*, force: bool, as_json: bool) -> None:
    """Have it start no more; one that runs goes on until you end it."""
    starting = _starting()
    there = [path for path in starting.files if path.exists()]
    refuse_strangers(there, force=force)
    for command in starting.end:
        ask(command)  # it may not have been there
    for path in there:
        path.unlink()
    tell_report(
        {
            "manager": starting.name,
            "removed": [str(path) for path in there],
        },
        as_json=as_json,
    )


def _starting() -> Starting:
    brokerctl = installed_command("brokerctl")
    try:
        return _of_this_system()(brokerctl)
    except ValueError as exc:
        raise ServiceError(str(exc), "install brokerd under a plainer path") from exc


def _of_this_system() -> Callable[[Path], Starting]:
    if sys.platform == "darwin":
        return by_launchd
    return by_logon_task if sys.platform == "win32" else by_desktop


def by_desktop(brokerctl: Path) -> Starting:
    """XDG autostart, which all desktops of Linux and the BSDs know.

    Source: Desktop Application Autostart Specification 0.5.
    """
    folder = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    if not folder.is_absolute():
        folder = Path.home() / ".config"
    path = folder / "autostart" / AGENT_DESKTOP
    return Starting(
        name="desktop session",
        files={path: agent_desktop(brokerctl)},
        begin=(),
        end=(),
        note="with your next desktop session; until then run: brokerctl agent",
    )


def by_launchd(brokerctl: Path) -> Starting:
    """A launch agent of the person's own."""
    library = Path.home() / "Library"
    path = library / "LaunchAgents" / AGENT_PLIST
    log = library / "Logs" / "brokerd-agent.log"
    domain = f"gui/{os.getuid()}"
    return Starting(
        name="launchd",
        files={path: agent_plist(brokerctl, log)},
        begin=((_LAUNCHCTL, "bootstrap", domain, str(path)),),
        end=((_LAUNCHCTL, "bootout", f"{domain}/{AGENT_LABEL}"),),
        note="now, and with each of your sessions",
    )


def by_logon_task(brokerctl: Path) -> Starting:
    """A task of the person's own, run when they log on, with their rights and no more.

    Source: schtasks /Create, on learn.microsoft.com: its own words for a logon mean
    that of any user, which only an administrator may say. So the task is XML.
    """
    # Late: no other system needs it.
    from broker.host.paths import state_directory  # noqa: PLC0415

    user = f"{os.environ.get('USERDOMAIN', '.')}\\{getpass.getuser()}"
    path = state_directory() / AGENT_TASK
    return Starting(
        name="Task Scheduler",
        files={path: agent_task(PureWindowsPath(str(brokerctl)), user)},
        begin=(("schtasks", "/Create", "/TN", TASK, "/XML", str(path), "/F"),),
        end=(("schtasks", "/Delete", "/TN", TASK, "/F"),),
        note="when you log on; until then run: brokerctl agent",
    )
