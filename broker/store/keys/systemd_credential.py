"""The key that the service manager hands to the daemon, as a credential.

The person, or whoever runs the machine, makes it and says in the unit where it lies;
nothing is ever written here. Source: systemd.exec(5), "Credentials".
"""

import os
import stat
from pathlib import Path

from broker.model.errors import KeySourceUnavailableError, LockedError
from broker.model.secret import SecretBytes
from broker.store.keys.kept import parse_key_text
from broker.store.keys.names import SYSTEMD_CREDENTIAL
from broker.store.keys.source import KeyUnavailableError, NewKey, RandomBytes
from broker.store.sealing import KEY_BYTES

CREDENTIAL = "brokerd-key"

_FILE_BYTES_LIMIT = 200


class SystemdCredential:
    """The credential `brokerd-key` as a `KeySource`: 32 bytes, or those in base64."""

    name = SYSTEMD_CREDENTIAL

    def __init__(self, folder: str | None) -> None:
        """Take the value of CREDENTIALS_DIRECTORY, or None where it is not set."""
        self._folder = folder

    def probe(self) -> None:
        """Whether a key was handed over; see `KeySource.probe`."""
        self._read()

    def make(self, random: RandomBytes, store_id: bytes) -> NewKey:
        """The key that was handed over; none is made.

        Raises:
            KeySourceUnavailableError: none was, or it is no key.
        """
        del random, store_id
        try:
            return NewKey(key=self._read(), parameters="{}")
        except KeyUnavailableError as exc:
            raise KeySourceUnavailableError(source=self.name, reason=str(exc)) from exc

    def recall(self, parameters: str) -> SecretBytes:
        """The key that was handed over.

        Raises:
            LockedError: none was, or it is no key.
        """
        del parameters  # its name is fixed
        try:
            return self._read()
        except KeyUnavailableError as exc:
            raise LockedError(reason=str(exc)) from exc

    def forget(self, parameters: str) -> None:
        """Nothing to do: whoever handed it over has it."""
        del parameters

    def anchor(self, parameters: str) -> None:
        """None: nothing is ever written there."""
        del parameters

    def refused(self) -> LockedError:
        """The credential is another key."""
        return LockedError(reason=f"the credential {CREDENTIAL} is not this store's")

    def _read(self) -> SecretBytes:
        if not self._folder:
            raise KeyUnavailableError(
                f"the service manager has handed over no credential {CREDENTIAL}: "
                "this daemon was not started by a unit that names one"
            )
        try:
            handed = _contents(Path(self._folder) / CREDENTIAL)
        except OSError as exc:
            raise KeyUnavailableError(
                f"the credential {CREDENTIAL} cannot be read: {exc.strerror}"
            ) from exc
        # Raw first: 32 bytes can look like base64, but are never that of a key.
        return (
            SecretBytes(handed) if len(handed) == KEY_BYTES else parse_key_text(handed)
        )


def _contents(path: Path) -> bytes:
    # Not blocking, so that a named pipe in its place cannot hold us.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise KeyUnavailableError(
                f"the credential {CREDENTIAL} is not a regular file"
            )
        # A system manager leaves the file root's and lets us in by an access list,
        # whose mask shows as rights of the group: only those of others are too much.
        if found.st_uid not in (0, os.geteuid()) or found.st_mode & stat.S_IRWXO:
            raise KeyUnavailableError(
                f"the credential {CREDENTIAL} is not this daemon's alone"
            )
        return os.read(descriptor, _FILE_BYTES_LIMIT)
    finally:
        os.close(descriptor)
