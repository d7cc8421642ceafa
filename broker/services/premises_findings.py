"""What is to be said of folders, disk and process. Pure: looks at nothing itself."""

from collections.abc import Iterator

from broker.model.finding import Finding, Level
from broker.model.premises import (
    DiskFacts,
    FileFacts,
    FolderFacts,
    Premises,
    ProcessFacts,
)

NO_ROOM_BYTES = 256 * 1024
"""Less, and not even the reserve for one more save can be laid."""

LITTLE_ROOM_BYTES = 32 * 1024 * 1024
"""Less, and other programs will soon have taken the rest."""

FEW_FILES = 16

RESERVE = ".ballast"
"""The end of the name of the file whose space a save gets on a full disk."""


def premises_findings(premises: Premises) -> tuple[Finding, ...]:
    """All of them, in the order in which they are shown."""
    return (
        *_folder("state-folder", premises.state),
        *_folder("runtime-folder", premises.runtime),
        _config(premises),
        *_disk(premises.state, premises.disk),
        *_process(premises.process),
    )


def _folder(check: str, folder: FolderFacts) -> Iterator[Finding]:
    if not folder.is_there:
        what = f"{folder.path} is not there yet; it is made when it is needed"
        yield Finding(check=check, level=Level.OK, what=what)
    elif not folder.faults:
        what = f"{folder.path} and what lies in it is yours alone"
        yield Finding(check=check, level=Level.OK, what=what)
    for fault in folder.faults:
        yield Finding(
            check=check,
            level=Level.ERROR,
            what=f"{fault.path} {fault.fault}",
            hint=_mending(folder, fault),
        )


def _mending(folder: FolderFacts, fault: FileFacts) -> str:
    if fault.is_open:
        return f"`chmod 600 {fault.path}`; consider who may have read it until now"
    if fault.path == folder.path:
        return (
            "the daemon refuses it: move it away and make one of your own with mode "
            "0700, or name another with BROKERD_STATE_DIR or BROKERD_RUNTIME_DIR"
        )
    return "find out who put it there; then move it away"


def _config(premises: Premises) -> Finding:
    check = "config"
    if premises.config_fault is None:
        what = f"{premises.config} can be used, or is not there"
        return Finding(check=check, level=Level.OK, what=what)
    return Finding(
        check=check,
        level=Level.ERROR,
        what=f"{premises.config}: {premises.config_fault}",
        hint="the next daemon does not start: mend it (docs/configuration.md)",
    )


def _disk(state: FolderFacts, disk: DiskFacts | None) -> Iterator[Finding]:
    if disk is None:
        what = f"the file system of {state.path} cannot be looked at"
        yield Finding(check="disk", level=Level.WARNING, what=what)
        return
    yield _room(disk)
    has_store = any(name.endswith(".db") for name in state.names)
    has_reserve = any(name.endswith(RESERVE) for name in state.names)
    if has_store and not has_reserve:
        yield Finding(
            check="disk",
            level=Level.WARNING,
            what="the reserve for a save on a full disk is used up",
            hint="make room: it is laid again with the next save",
        )
    if disk.network is not None:
        yield Finding(
            check="disk",
            level=Level.WARNING,
            what=f"{state.path} is on a network file system ({disk.network})",
            hint="locks and saves are only as good as that server's; name a folder on "
            "a disk of this machine with BROKERD_STATE_DIR",
        )


def _room(disk: DiskFacts) -> Finding:
    what = f"{disk.free_bytes >> 20} MiB are free for the store"
    level, hint = Level.OK, None
    files = disk.free_files
    if disk.free_bytes < NO_ROOM_BYTES or (files is not None and files < FEW_FILES):
        level = Level.ERROR
        what = f"the disk of the store is full ({disk.free_bytes >> 10} KiB are free)"
        if files is not None and files < FEW_FILES:
            what = f"the disk of the store takes only {files} more files"
        hint = (
            "make room: a renewed sign-in that cannot be saved is lost with the daemon"
        )
    elif disk.free_bytes < LITTLE_ROOM_BYTES:
        level, hint = Level.WARNING, "make room before it is full"
    return Finding(check="disk", level=level, what=what, hint=hint)


def _process(process: ProcessFacts | None) -> Iterator[Finding]:
    if process is None:
        return
    open_ways = []
    if process.is_traceable:
        open_ways.append("other programs of yours can read its memory")
    if process.core_bytes:
        open_ways.append("a crash may leave a core dump")
    if open_ways:
        yield Finding(
            check="process",
            level=Level.WARNING,
            what=f"the daemon is not closed: {'; '.join(open_ways)}",
            hint="`brokerctl stop`; the next command starts it anew",
        )
        return
    known = process.is_traceable is not None
    what = "the daemon leaves no core dump"
    if known:
        what += ", and no other program of yours can read its memory"
    yield Finding(check="process", level=Level.OK, what=what)
