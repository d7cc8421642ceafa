"""The daemon in systemd's user manager: socket-activated. Linux only."""

import os
from pathlib import Path

from broker.control.service_calls import ServiceError, ask, demand
from broker.control.units import SERVICE, SOCKET, systemd_units

NAME = "systemd"
_SYSTEMCTL = ("systemctl", "--user")
_NO_MANAGER = (
    "log in as yourself (not through su or sudo), or have your sessions kept with: "
    "loginctl enable-linger; without a service manager brokerctl starts the daemon"
)


def wanted_files(brokerd: Path) -> dict[Path, str]:
    """The files of an install, by path."""
    folder = _config_folder() / "systemd" / "user"
    return {folder / name: text for name, text in systemd_units(brokerd).items()}


def require() -> None:
    """See that a user manager answers.

    Raises:
        ServiceError: none does.
    """
    answer = ask((*_SYSTEMCTL, "show", "--property=Version"))
    if answer.status != 0:
        reason = answer.complaint.splitlines()[-1:] or ["no reason given"]
        raise ServiceError(
            f"no systemd user manager answers here: {reason[0]}", _NO_MANAGER
        )


def take_up() -> None:
    """Make the manager read the files, and listen from now on and after each login.

    A daemon that runs already is replaced, so that an upgrade is in force.

    Raises:
        ServiceError: systemctl refused.
    """
    demand((*_SYSTEMCTL, "daemon-reload"))
    # The socket follows a changed unit only when it is started anew, and it can
    # be only while its service is down.
    demand((*_SYSTEMCTL, "stop", SERVICE, SOCKET))
    demand((*_SYSTEMCTL, "enable", "--now", SOCKET))


def let_go() -> None:
    """Stop the daemon and listen no more.

    Raises:
        ServiceError: systemctl refused.
    """
    demand((*_SYSTEMCTL, "disable", "--now", SOCKET))
    demand((*_SYSTEMCTL, "stop", SERVICE))


def forget() -> None:
    """Make the manager see that the files are gone.

    Raises:
        ServiceError: systemctl refused.
    """
    demand((*_SYSTEMCTL, "daemon-reload"))
    ask((*_SYSTEMCTL, "reset-failed", SERVICE, SOCKET))  # nothing failed: no matter


def state() -> dict[str, str]:
    """What the manager says: `{"enabled": …, "listening": …, "daemon": …}`.

    The words are systemctl's own, such as 'enabled', 'active', 'inactive'.
    """
    return {
        "enabled": _word("is-enabled", SOCKET),
        "listening": _word("is-active", SOCKET),
        "daemon": _word("is-active", SERVICE),
    }


def _word(question: str, unit: str) -> str:
    """Systemctl's answer: one word on stdout, whatever its exit status."""
    lines = ask((*_SYSTEMCTL, question, unit)).output.splitlines()
    return lines[-1] if lines else "unknown"


def _config_folder() -> Path:
    """Where the manager itself looks: systemd.unit(5), "Unit File Load Path"."""
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(configured)
    return folder if folder.is_absolute() else Path.home() / ".config"
