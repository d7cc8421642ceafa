"""Looks at folders, disk and process, for `doctor`. Changes nothing, judges nothing."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from broker.config import CONFIG_NAME, parse_config
from broker.host.files import fault, folder_fault, is_open_to_others
from broker.host.mounts import network_kind
from broker.host.paths import config_directory, runtime_directory, state_directory
from broker.host.persons_file import read_persons_file
from broker.host.process import process_facts
from broker.model.errors import ConfigError
from broker.model.premises import DiskFacts, FileFacts, FolderFacts, Premises
from broker.oauth.presets import parse_config_presets


def look_at_premises(*, is_daemon: bool) -> Premises:
    """Everything; may block for as long as a file system does.

    Args:
        is_daemon: whether this process is it.
    """
    state, config = state_directory(), config_directory() / CONFIG_NAME
    return Premises(
        state=folder_facts(state),
        runtime=folder_facts(runtime_directory()),
        config=str(config),
        config_fault=_config_fault(config),
        disk=disk_facts(state),
        process=process_facts() if is_daemon else None,
    )


def folder_facts(path: Path) -> FolderFacts:
    """A folder that is to be the person's alone, and what lies in it."""
    try:
        found = folder_fault(path)
        names = frozenset(os.listdir(path)) if found is None else frozenset()  # noqa: PTH208 - names alone
    except FileNotFoundError:
        return FolderFacts(path=str(path), is_there=False)
    except OSError as exc:
        found, names = f"cannot be looked at: {exc.strerror}", frozenset()
    faults = [FileFacts(path=str(path), fault=found)] if found else []
    faults += _faults(path / name for name in sorted(names))
    return FolderFacts(path=str(path), is_there=True, faults=tuple(faults), names=names)


def _faults(paths: Iterator[Path]) -> Iterator[FileFacts]:
    for path in paths:
        try:
            found = _fault(path)
        except FileNotFoundError:
            continue  # gone since
        except OSError as exc:
            found = FileFacts(path=str(path), fault=f"cannot be read: {exc.strerror}")
        if found is not None:
            yield found


def _fault(path: Path) -> FileFacts | None:
    mode = path.lstat().st_mode
    if stat.S_ISDIR(mode):
        what = folder_fault(path)
    elif stat.S_ISSOCK(mode):
        what = None
    else:
        what = fault(path)
    if what is not None:
        return FileFacts(path=str(path), fault=what)
    if stat.S_ISDIR(mode) or not is_open_to_others(path):
        return None
    what = f"is open to other users (mode {stat.S_IMODE(mode):04o})"
    return FileFacts(path=str(path), fault=what, is_open=True)


def disk_facts(folder: Path) -> DiskFacts | None:
    """The file system of a folder, or of the nearest one above it that is there."""
    place = next((one for one in (folder, *folder.parents) if one.exists()), None)
    if place is None:
        return None
    try:
        free = shutil.disk_usage(place).free
        files = os.statvfs(place).f_favail if hasattr(os, "statvfs") else None
    except OSError:
        return None
    # Where there is no fixed number of files, as on btrfs, it is 0 of 0.
    has_limit = files is not None and os.statvfs(place).f_files > 0
    return DiskFacts(
        free_bytes=free,
        free_files=files if has_limit else None,
        network=network_kind(place),
    )


def _config_fault(path: Path) -> str | None:
    try:
        config = parse_config(read_persons_file(path) or "", str(path))
        parse_config_presets(config.issuers, str(path))
    except ConfigError as exc:
        return exc.what
    return None
