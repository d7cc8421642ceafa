"""Facts about where the daemon lives: folders, disk, process. Judges nothing."""

import msgspec


class FileFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One file that is not the person's alone.

    Attributes:
        path: of it.
        fault: what it is, such as 'can be read by other users (mode 0644)'.
        is_open: whether it is only that its mode lets others in.
    """

    path: str
    fault: str
    is_open: bool = False


class FolderFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One folder.

    Attributes:
        path: of it.
        is_there: whether it has been made.
        faults: what in it, or it itself, is not the person's alone.
        names: what lies in it.
    """

    path: str
    is_there: bool
    faults: tuple[FileFacts, ...] = ()
    names: frozenset[str] = frozenset()


class DiskFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The file system of the state folder.

    Attributes:
        free_bytes: for this user.
        free_files: how many more it takes; None where it does not say.
        network: its kind, such as 'nfs4', where it is another machine's; else None.
    """

    free_bytes: int
    free_files: int | None = None
    network: str | None = None


class ProcessFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The daemon's own process.

    Attributes:
        is_traceable: whether another program of the person's may read its memory; None
            where the system does not say.
        core_bytes: how large a core dump may be; None where the system does not say.
    """

    is_traceable: bool | None = None
    core_bytes: int | None = None


class Premises(msgspec.Struct, frozen=True, kw_only=True):
    """All of it.

    Attributes:
        state: the folder of the store.
        runtime: the folder of the socket.
        config: the path of the person's file.
        config_fault: why it cannot be used, or None.
        disk: None where the state folder cannot be looked at.
        process: None where whoever looks is not the daemon.
    """

    state: FolderFacts
    runtime: FolderFacts
    config: str
    config_fault: str | None = None
    disk: DiskFacts | None = None
    process: ProcessFacts | None = None
