"""The generation that a store had last, kept outside of it. Knows no store and no key.

A store that is put back from an older copy opens as it always did; only this number
tells. It is no secret, and who can write it can hide the fault, or feign one.

The file is one line, `brokerd anchor 1 `, the store's id in hex and the generation.
"""

import os
import re
from pathlib import Path
from typing import Protocol

from broker.host.files import (
    fault,
    open_to_read,
    private_file,
    remove_leftover,
    replace,
)

_FORM = re.compile(rb"brokerd anchor 1 ([0-9a-f]{32}) ([0-9]{1,19})\n")
_FILE_BYTES_LIMIT = 200


class AnchorUnavailableError(Exception):
    """The anchor can be neither read nor written now; the text says why to people."""


class Anchor(Protocol):
    """Where one store's generation is kept. Both methods may block for seconds.

    Neither asks the person anything.
    """

    def read(self) -> int | None:
        """What was written last, or None where nothing was that can be understood.

        Raises:
            AnchorUnavailableError: it cannot be had now.
        """
        ...

    def write(self, generation: int) -> None:
        """Keep this generation in the place of the last one; durable on return.

        Raises:
            AnchorUnavailableError: it cannot be kept now; the last one still is.
        """
        ...


class FileAnchor:
    """A small file as an `Anchor`: for sources that keep nothing for us."""

    def __init__(self, path: Path, store_id: bytes) -> None:
        """Take the file's place, and whose generation it is.

        Args:
            path: in the person's own folder.
            store_id: another store's generation at this path counts as none.
        """
        self._path = path
        self._temporary = path.with_name(path.name + ".new")
        self._store = store_id.hex().encode()

    def read(self) -> int | None:
        """See `Anchor`."""
        try:
            found = _FORM.fullmatch(self._contents())
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise self._unavailable(exc) from exc
        return int(found[2]) if found and found[1] == self._store else None

    def write(self, generation: int) -> None:
        """See `Anchor`. What is there is replaced, a symbolic link too."""
        line = b"brokerd anchor 1 %b %d\n" % (self._store, generation)
        try:
            remove_leftover(self._temporary)
            with private_file(self._temporary) as descriptor:
                os.write(descriptor, line)
            replace(self._temporary, self._path)
        except OSError as exc:
            raise self._unavailable(exc) from exc

    def _contents(self) -> bytes:
        if fault(self._path) is not None:
            return b""  # not ours: as one that cannot be understood
        descriptor = open_to_read(self._path)
        try:
            return os.read(descriptor, _FILE_BYTES_LIMIT)
        finally:
            os.close(descriptor)

    def _unavailable(self, exc: OSError) -> AnchorUnavailableError:
        return AnchorUnavailableError(f"{self._path}: {exc.strerror}")
