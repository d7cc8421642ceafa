"""Lines that the next daemon writes: this one ended without the key. Blocks.

They lie in `audit.waiting.jsonl`, in the open: any program of the person's can change
them. So each is marked when it is taken up, and none can say anything of the chain.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from broker.host.files import fault, open_to_append
from broker.model.audit_unsealed import unsealed_body
from broker.store.audit_files import lines_of

WAITING_NAME = "audit.waiting.jsonl"
MOST_BYTES = 1 << 20
"""Of all that wait: a daemon that is never unlocked fills no disk."""


def set_aside(folder: Path, bodies: Sequence[bytes]) -> None:
    """Lay these lines there, behind those that are there already.

    Raises:
        OSError: the disk refused, or there are too many.
    """
    descriptor = open_to_append(folder / WAITING_NAME)
    try:
        found = fault(descriptor)
        if found is not None:
            raise PermissionError(None, found)
        data = b"".join(body + b"\n" for body in bodies)
        if os.fstat(descriptor).st_size + len(data) > MOST_BYTES:
            raise OSError(None, "there is no room for more lines that wait")
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def waiting(folder: Path) -> list[bytes]:
    """Bodies of the lines that wait, each marked.

    Raises:
        OSError: the file cannot be read.
    """
    path = folder / WAITING_NAME
    if not path.exists() or path.stat().st_size > MOST_BYTES:
        return []
    bodies = (unsealed_body(line) for line in lines_of(path))
    return [body for body in bodies if body is not None]


def forget_waiting(folder: Path) -> None:
    """They are in the chain now."""
    with suppress(FileNotFoundError):
        (folder / WAITING_NAME).unlink()
