"""The daemon as a launch agent of the person's session. macOS only."""

import os
from pathlib import Path

from broker.control.service_calls import ServiceError, ask, demand
from broker.control.units import LABEL, PLIST, launchd_plist

NAME = "launchd"
_LAUNCHCTL = "/bin/launchctl"


def wanted_files(brokerd: Path) -> dict[Path, str]:
    """The files of an install, by path."""
    library = Path.home() / "Library"
    log = library / "Logs" / "brokerd.log"
    return {_plist(): launchd_plist(brokerd, log)}


def require() -> None:
    """See that this user has a session to start the agent in.

    Raises:
        ServiceError: there is none, as over SSH with nobody at the screen.
    """
    if ask((_LAUNCHCTL, "print", _domain())).status != 0:
        raise ServiceError(
            "launchd has no session of this user",
            "log in at the screen once, then try again",
        )


def take_up() -> None:
    """Make launchd read the file and start the daemon, now and at each login.

    Raises:
        ServiceError: launchctl refused.
    """
    _boot_out()
    demand((_LAUNCHCTL, "bootstrap", _domain(), str(_plist())))


def let_go() -> None:
    """Stop the daemon, and start it no more.

    Raises:
        ServiceError: launchctl refused.
    """
    _boot_out()


def forget() -> None:
    """Nothing to say: launchd keeps no list of files."""


def state() -> dict[str, str]:
    """What launchd says: `{"enabled": …, "daemon": …}`, in systemctl's words."""
    answer = ask((_LAUNCHCTL, "print", f"{_domain()}/{LABEL}"))
    if answer.status != 0:
        return {"enabled": "disabled", "daemon": "inactive"}
    running = "state = running" in answer.output
    return {"enabled": "enabled", "daemon": "active" if running else "inactive"}


def _boot_out() -> None:
    target = f"{_domain()}/{LABEL}"
    if ask((_LAUNCHCTL, "print", target)).status == 0:
        demand((_LAUNCHCTL, "bootout", target))


def _domain() -> str:
    return f"gui/{os.getuid()}"


def _plist() -> Path:
    return Path.home() / "Library" / "LaunchAgents" / PLIST
