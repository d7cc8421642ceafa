"""The service manager's files, from their templates. Writes nothing, starts nothing."""

import re
from importlib.resources import files
from pathlib import Path, PurePath, PureWindowsPath
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

SERVICE = "brokerd.service"
SOCKET = "brokerd.socket"
PLIST = "dev.brokerd.plist"
LABEL = "dev.brokerd"
"""What launchd calls the daemon."""

AGENT_DESKTOP = "brokerd-agent.desktop"
AGENT_PLIST = "dev.brokerd.agent.plist"
AGENT_LABEL = "dev.brokerd.agent"
"""What launchd calls the agent."""
AGENT_TASK = "brokerd-agent.xml"

MARKS = tuple(f"Written by `brokerctl {of} install`" for of in ("service", "agent"))
"""One stands in every file of ours: only those are replaced or removed unasked."""

FIRST_PRINTABLE = " "


def systemd_units(brokerd: Path) -> dict[str, str]:
    """The user units by file name.

    Args:
        brokerd: the daemon's command as an absolute path.

    Raises:
        ValueError: the path cannot stand in a unit.
    """
    service = _template("systemd", SERVICE).replace("@BROKERD@", exec_path(brokerd))
    return {SERVICE: service, SOCKET: _template("systemd", SOCKET)}


def launchd_plist(brokerd: Path, log: Path) -> str:
    """The launch agent's property list.

    Args:
        brokerd: the daemon's command as an absolute path.
        log: where launchd lets the daemon's stderr go.

    Raises:
        ValueError: a path cannot stand in a property list.
    """
    paths = {"@BROKERD@": escape(_plain(brokerd)), "@LOG@": escape(_plain(log))}
    # In one pass: a path may itself look like a place.
    return re.sub("|".join(paths), lambda m: paths[m[0]], _template("launchd", PLIST))


def agent_desktop(brokerctl: Path) -> str:
    """The desktop entry that starts the agent with the session.

    Args:
        brokerctl: the command as an absolute path.

    Raises:
        ValueError: the path cannot stand in a desktop entry.
    """
    template = _template("systemd", AGENT_DESKTOP)
    return template.replace("@BROKERCTL@", desktop_path(brokerctl))


def agent_plist(brokerctl: Path, log: Path) -> str:
    """The launch agent's property list for the agent; see `launchd_plist`."""
    paths = {"@BROKERCTL@": escape(_plain(brokerctl)), "@LOG@": escape(_plain(log))}
    text = _template("launchd", AGENT_PLIST)
    return re.sub("|".join(paths), lambda m: paths[m[0]], text)


def agent_task(brokerctl: PureWindowsPath, user: str) -> str:
    r"""The logon task of Windows, as the XML that `schtasks /Create` takes.

    Args:
        brokerctl: the command as an absolute path.
        user: at whose logon it starts, such as 'DESKTOP\\ann'.

    Raises:
        ValueError: the path cannot stand in a task.

    Source: MS-TSCH 2.5.
    """
    places = {"@BROKERCTL@": escape(_plain(brokerctl)), "@USER@": escape(user)}
    # In the package: Windows has no folder of its own at the top.
    text = (files("broker.control") / AGENT_TASK).read_text(encoding="utf-8")
    filled = re.sub("|".join(places), lambda m: places[m[0]], text)
    # Whatever Windows takes the file's encoding for.
    return filled.encode("ascii", "xmlcharrefreplace").decode()


def desktop_path(path: Path) -> str:
    r"""`path` as the first word of Exec=, such as '"/home/a b/brokerctl"'.

    Within the quotation '"', '`', '$' and '\' have a backslash before them, and each
    backslash is written twice, as in every string of such a file; '%' begins a code.

    Raises:
        ValueError: it is not absolute, or has control characters or '=', which
            the command may not have.

    Source: Desktop Entry Specification 1.5, "The Exec key".
    """
    text = _plain(path)
    if "=" in text:
        raise ValueError(f"a path with '=' cannot be started by a desktop: {text!r}")
    quoted = re.sub(r'["`$\\]', lambda found: "\\" + found[0], text)
    return '"' + quoted.replace("\\", "\\\\").replace("%", "%%") + '"'


def exec_path(path: Path) -> str:
    r"""`path` as the first word of ExecStart=, such as '"/home/a b/brokerd"'.

    '%' begins a specifier, '\' an escape. '$' stands for itself: systemd puts no
    variable into the path of the program.

    Raises:
        ValueError: it is not absolute, or has control characters.

    Source: systemd.service(5), "Command lines"; systemd.syntax(7), "Quoting".
    """
    text = _plain(path)
    for special, written in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%")):
        text = text.replace(special, written)
    return f'"{text}"'


def is_ours(text: str) -> bool:
    """Whether a file with this text was written by an install."""
    return any(mark in text for mark in MARKS)


def _plain(path: PurePath) -> str:
    text = str(path)
    if not path.is_absolute() or any(c < FIRST_PRINTABLE for c in text):
        raise ValueError(f"not an absolute path without control characters: {text!r}")
    return text


def _template(manager: str, name: str) -> str:
    """A template: from the wheel, or from the top of a checkout."""
    package = files("broker")
    in_wheel: Traversable = package / "units" / manager / name
    if in_wheel.is_file():
        return in_wheel.read_text(encoding="utf-8")
    checkout = Path(str(package)).parent
    return (checkout / manager / name).read_text(encoding="utf-8")
