"""The key in a file beside the store, 0600: whoever can read it can open the store.

The file is one line, `brokerd key 1 ` and the key in base64url.
"""

import base64
import binascii
import os
from pathlib import Path

from broker.model.errors import LockedError, StoreFailedError
from broker.model.secret import SecretBytes
from broker.store.files import OTHERS, fault, private_file, publish, remove_leftover
from broker.store.keys.names import PLAIN
from broker.store.keys.source import NewKey, RandomBytes
from broker.store.sealing import KEY_BYTES

_PREFIX = b"brokerd key 1 "
_FILE_BYTES_LIMIT = 200


class _KeyFileError(Exception):
    """The key file cannot be used; the text says why and holds no byte of it."""


class KeyFile:
    """The key file as a `KeySource`."""

    name = PLAIN

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = path.with_name(path.name + ".new")

    def make(self, random: RandomBytes, store_id: bytes) -> NewKey:
        """A key in a new file, or the key of the file that is there.

        A key without its store is left by a crash, or by a person who is about to
        bring the store back: it is taken, never overwritten. One key-encryption key
        may wrap the data keys of several stores.

        Raises:
            StoreFailedError: no file can be made, or the one there cannot be used.
        """
        del store_id  # one file beside the store, whichever that is
        try:
            remove_leftover(self._temporary)
            if not os.path.lexists(self._path):
                self._write(random(KEY_BYTES))
            return NewKey(key=self._read(), parameters="{}")
        except _KeyFileError as exc:
            raise StoreFailedError(what=str(exc)) from exc
        except OSError as exc:
            raise StoreFailedError(
                what=f"the key file cannot be made: {exc.strerror}"
            ) from exc

    def recall(self, parameters: str) -> SecretBytes:
        """The key in the file.

        Raises:
            LockedError: the file is missing, or not the person's alone, or no key.
        """
        del parameters  # a file of one key needs none
        try:
            return self._read()
        except _KeyFileError as exc:
            raise LockedError(reason=str(exc)) from exc

    def refused(self) -> LockedError:
        """The file holds the key of another store."""
        return LockedError(reason=f"the key file {self._path} is not this store's")

    def _write(self, key: bytes) -> None:
        line = _PREFIX + base64.urlsafe_b64encode(key) + b"\n"
        with private_file(self._temporary) as descriptor:
            os.write(descriptor, line)
        publish(self._temporary, self._path)

    def _read(self) -> SecretBytes:
        # Not blocking, so that a named pipe in its place cannot hold us.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            descriptor = os.open(self._path, flags)
        except OSError as exc:
            raise _KeyFileError(
                f"the key file {self._path} cannot be read: {exc.strerror}"
            ) from exc
        try:
            self._verify(os.fstat(descriptor))
            return self._parsed(os.read(descriptor, _FILE_BYTES_LIMIT))
        finally:
            os.close(descriptor)

    def _verify(self, found: os.stat_result) -> None:
        # Of the open file, not of the name: the name could be moved in between.
        what = fault(found)
        if what is None and found.st_mode & OTHERS:
            what = "can be read by other users"
        if what is not None:
            raise _KeyFileError(f"the key file {self._path} {what}")

    def _parsed(self, line: bytes) -> SecretBytes:
        try:
            key = base64.urlsafe_b64decode(line.removeprefix(_PREFIX).strip())
        except binascii.Error:
            key = b""
        if not line.startswith(_PREFIX) or len(key) != KEY_BYTES:
            raise _KeyFileError(f"the key file {self._path} holds no key")
        return SecretBytes(key)
