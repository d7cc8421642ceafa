"""Files that start us: put in place whole, and never over a stranger's."""

import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from broker.control.output import say, say_json
from broker.control.service_calls import ServiceError
from broker.control.units import is_ours

Report = Mapping[str, object]
"""What was done, fact by fact."""


def installed_command(name: str) -> Path:
    """A command of ours: beside this one's interpreter, as pipx and pip put it.

    Raises:
        ServiceError: it is not installed.
    """
    # Searched for in both cases: on Windows its name has an end.
    beside = shutil.which(name, path=str(Path(sys.executable).parent))
    found = beside or shutil.which(name)
    if found is None:
        raise ServiceError(
            f"the command {name} is not installed",
            "install brokerd anew: README.md says how",
        )
    return Path(found).absolute()


def refuse_strangers(paths: Iterable[Path], *, force: bool) -> None:
    """A file that a person or another package wrote is not touched unasked.

    Raises:
        ServiceError: there is one.
    """
    for path in paths:
        if force or not path.exists():
            continue
        if not is_ours(path.read_text(encoding="utf-8", errors="replace")):
            raise ServiceError(
                f"{path} is there and is not ours",
                "look at it, then say --force to have it replaced or removed",
            )


def write_whole(path: Path, text: str) -> None:
    """Put `text` at `path` whole or not at all: a manager may be reading.

    Raises:
        ServiceError: it cannot be written.
    """
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


def tell_report(report: Report, *, as_json: bool) -> None:
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
