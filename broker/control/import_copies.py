"""`brokerctl import`: the plaintext copies of what was taken over."""

from collections.abc import Iterable
from pathlib import Path

from broker.control.asking import agrees
from broker.control.foreign.found import ForeignFileError, Found
from broker.control.foreign.reading import ForeignFile, shown
from broker.control.foreign.removing import is_removable, remove
from broker.control.output import tell_note


def remove_copies(
    copies: Iterable[tuple[ForeignFile, Found]], *, yes: bool
) -> list[Path]:
    """The files that copies were taken out of; what fails is told, and stays.

    A file is changed once, for all of its sign-ins that are accounts now.
    """
    files: dict[Path, tuple[ForeignFile, tuple[Found, ...]]] = {}
    # A configuration without a secret is nobody's to hide.
    for file, found in (each for each in copies if each[1].is_plain):
        _, before = files.get(file.path, (file, ()))
        files[file.path] = (file, (*before, found))
    return [
        file.path
        for file, founds in files.values()
        if _may_be_removed(file, founds, yes=yes) and _removes(file, founds)
    ]


def _may_be_removed(file: ForeignFile, founds: tuple[Found, ...], *, yes: bool) -> bool:
    if not is_removable(file, founds):
        tell_note(f"the copy in {shown(file.path)} stays: it holds other sign-ins, too")
        return False
    return agrees(f"Remove the copy in {shown(file.path)}?", yes=yes)


def _removes(file: ForeignFile, founds: tuple[Found, ...]) -> bool:
    try:
        remove(file, founds)
    except ForeignFileError as exc:
        tell_note(f"the copy stays: {shown(file.path)} {exc.what}")
        return False
    return True
