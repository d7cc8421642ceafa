"""The key in a file beside the store, 0600: whoever can read it can open the store.

The file is one line, `brokerd key 1 ` and the key in base64url. Each key has a file of
its own: the first is `store.key`; later ones, made when a key is rotated or where an
older key still lies there, are `store-<8 hex>.key`. The store records which:

    {"file": "store-0badcafe.key"}
"""

import base64
import binascii
import os
import re
import stat
from pathlib import Path

import msgspec

from broker.host.files import (
    fault,
    flush_folder,
    is_open_to_others,
    open_to_read,
    private_file,
    publish,
    remove_leftover,
)
from broker.model.errors import LockedError, StoreFailedError
from broker.model.secret import SecretBytes
from broker.store.keys.names import PLAIN
from broker.store.keys.source import (
    KeyParametersError,
    KeyUnavailableError,
    NewKey,
    RandomBytes,
    left,
)
from broker.store.sealing import KEY_BYTES

_PREFIX = b"brokerd key 1 "
_FILE_BYTES_LIMIT = 200
_MARK_BYTES = 4


class _Parameters(msgspec.Struct, frozen=True, kw_only=True):
    # Stores of before there were several files recorded none.
    file: str | None = None


class KeyFile:
    """The key file as a `KeySource`."""

    name = PLAIN

    def __init__(self, path: Path) -> None:
        """Take the name of the first key's file; later ones lie beside it."""
        self._path = path
        self._temporary = path.with_name(path.name + ".new")
        stem, suffix = re.escape(path.stem), re.escape(path.suffix)
        marks = f"[0-9a-f]{{{2 * _MARK_BYTES}}}"
        self._names = re.compile(f"{stem}(-{marks})?{suffix}")

    def probe(self) -> None:
        """Whether a file can be made; see `KeySource.probe`."""
        folder = self._path.parent
        try:
            if not stat.S_ISDIR(folder.stat().st_mode):
                raise KeyUnavailableError(f"{folder} is not a folder")
        except OSError as exc:
            raise KeyUnavailableError(f"{folder}: {exc.strerror}") from exc
        if not os.access(folder, os.W_OK | os.X_OK):
            raise KeyUnavailableError(f"the folder {folder} cannot be written to")

    def make(self, random: RandomBytes, store_id: bytes) -> NewKey:
        """A key in a new file.

        A key that is there already is another store's, perhaps of one that a person is
        about to bring back: it is neither taken nor overwritten.

        Raises:
            StoreFailedError: no file can be made, or none that others cannot read.
        """
        del store_id  # each key's file has a name of its own
        line = _PREFIX + base64.urlsafe_b64encode(random(KEY_BYTES)) + b"\n"
        path = self._free_name(random)
        try:
            self._write(path, line)
            key = _read(path)
        except KeyUnavailableError as exc:
            remove_leftover(path)
            raise StoreFailedError(what=str(exc)) from exc
        except OSError as exc:
            raise StoreFailedError(
                what=f"the key file cannot be made: {exc.strerror}"
            ) from exc
        recorded = _Parameters(file=path.name)
        return NewKey(key=key, parameters=msgspec.json.encode(recorded).decode())

    def recall(self, parameters: str) -> SecretBytes:
        """The key in the recorded file.

        Raises:
            LockedError: the file is missing, or not the person's alone, or no key.
            KeyParametersError: no name that `make` gives.
        """
        try:
            return _read(self._recorded(parameters))
        except KeyUnavailableError as exc:
            raise LockedError(reason=str(exc)) from exc

    def forget(self, parameters: str) -> str | None:
        """The file is gone; see `KeySource.forget`."""
        try:
            path = self._recorded(parameters)
            # A crash while it was made may have left it a second name.
            remove_leftover(self._temporary)
            remove_leftover(path)
            flush_folder(path.parent)
        except KeyParametersError:
            return left(self.name, "its name in the store is damaged")
        except OSError as exc:
            return left(self.name, str(exc))
        return None

    def anchor(self, parameters: str) -> None:
        """None: whoever puts the store back can put back what lies beside it."""
        del parameters

    def refused(self) -> LockedError:
        """The file holds the key of another store."""
        return LockedError(
            reason=f"the key file in {self._path.parent} is not this store's"
        )

    def _free_name(self, random: RandomBytes) -> Path:
        if not os.path.lexists(self._path):
            return self._path
        mark = random(_MARK_BYTES).hex()
        return self._path.with_name(f"{self._path.stem}-{mark}{self._path.suffix}")

    def _write(self, path: Path, line: bytes) -> None:
        remove_leftover(self._temporary)
        with private_file(self._temporary) as descriptor:
            os.write(descriptor, line)
        publish(self._temporary, path)

    def _recorded(self, parameters: str) -> Path:
        """The file that `make` recorded.

        Raises:
            KeyParametersError: no bare name of that form: whoever can write to the
                store must not be able to have us read, or remove, other files.
        """
        try:
            name = msgspec.json.decode(parameters, type=_Parameters).file
        except (msgspec.DecodeError, ValueError) as exc:
            raise KeyParametersError from exc
        if name is None:
            return self._path
        if not self._names.fullmatch(name):
            raise KeyParametersError
        return self._path.with_name(name)


def _read(path: Path) -> SecretBytes:
    try:
        descriptor = open_to_read(path)
    except OSError as exc:
        raise KeyUnavailableError(
            f"the key file {path} cannot be read: {exc.strerror}"
        ) from exc
    try:
        what = _fault(descriptor)
        if what is not None:
            raise KeyUnavailableError(f"the key file {path} {what}")
        return _parsed(path, os.read(descriptor, _FILE_BYTES_LIMIT))
    finally:
        os.close(descriptor)


def _fault(descriptor: int) -> str | None:
    # Of the open file, not of the name: the name could be moved in between.
    what = fault(descriptor)
    if what is None and is_open_to_others(descriptor):
        return "can be read by other users"
    return what


def _parsed(path: Path, line: bytes) -> SecretBytes:
    try:
        key = base64.urlsafe_b64decode(line.removeprefix(_PREFIX).strip())
    except binascii.Error:
        key = b""
    if not line.startswith(_PREFIX) or len(key) != KEY_BYTES:
        raise KeyUnavailableError(f"the key file {path} holds no key")
    return SecretBytes(key)
