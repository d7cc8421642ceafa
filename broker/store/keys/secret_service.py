"""The desktop's keyring (Secret Service) as a `Keeper`. Knows no store.

GNOME Keyring, KWallet, KeePassXC and others speak this protocol on the session's D-Bus.
SecretStorage is asked directly: which keyring is meant is no matter of configuration.
Source: Secret Service API 0.2, specifications.freedesktop.org/secret-service.
"""

import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import secretstorage
from jeepney import DBusErrorResponse
from jeepney.bus import get_bus
from jeepney.io.blocking import DBusConnection, prep_socket
from secretstorage.util import add_match_rules

from broker.model.secret import SecretBytes
from broker.store.keys.kept import ItemName, key_text, parse_key_text
from broker.store.keys.source import KeyUnavailableError

ASK_SECONDS = 30.0
"""For the whole conversation where the person may be asked. `TimeoutStopSec` of the
unit and brokerctl's patience are longer."""

QUIET_SECONDS = 5.0
"""Where nobody is asked: D-Bus may have to start the keyring first."""

_LABEL = "brokerd: the key of the store of your sign-ins"
_NOTE_LABEL = "brokerd: how new the store of your sign-ins is (no secret)"


class DesktopKeyring:
    """An open conversation with the keyring."""

    def __init__(self, connection: "_HurriedConnection", *, ask: bool) -> None:
        self._connection = connection
        self._ask = ask

    def probe(self) -> None:
        """See `Keeper`."""
        self._open_without_question()

    def add(self, item: ItemName, key: SecretBytes) -> None:
        """See `Keeper`. Where there is no keyring, the desktop offers to make one."""
        collection = self._default() or self._made()
        self._unlock(collection)
        collection.create_item(_LABEL, _attributes(item), key_text(key).encode())

    def find(self, item: ItemName) -> SecretBytes | None:
        """See `Keeper`. Every keyring of the person's is searched."""
        found = self._unlocked_item(item)
        return None if found is None else parse_key_text(found.get_secret())

    def remove(self, item: ItemName) -> None:
        """See `Keeper`. Some keyrings ask before they delete."""
        found = self._unlocked_item(item)
        if found is not None:
            found.delete()

    def note(self, store: str, text: str) -> None:
        """See `Keeper`. In the keyring where the last note is, else in the default."""
        found = self._search(_note_attributes(store))
        if found is not None:
            found.set_secret(text.encode())
            return
        collection = self._open_without_question()
        collection.create_item(_NOTE_LABEL, _note_attributes(store), text.encode())

    def noted(self, store: str) -> str | None:
        """See `Keeper`."""
        found = self._search(_note_attributes(store))
        if found is None:
            # Some keyrings do not say what they hold while they are locked.
            self._open_without_question()
            return None
        return found.get_secret().decode(errors="replace")

    def _unlocked_item(self, item: ItemName) -> secretstorage.Item | None:
        found = self._search(_attributes(item))
        if found is None:
            # Some keyrings do not say what they hold while they are locked.
            collection = self._default()
            if collection is None:
                raise KeyUnavailableError("the desktop has no keyring")
            if not collection.is_locked():
                return None
            self._unlock(collection)
            found = self._search(_attributes(item))
        if found is not None:
            self._unlock(found)
        return found

    def _open_without_question(self) -> secretstorage.Collection:
        collection = self._default()
        if collection is None:
            raise KeyUnavailableError("the desktop has no keyring")
        if collection.is_locked():
            raise KeyUnavailableError("the desktop's keyring is locked")
        return collection

    def _default(self) -> secretstorage.Collection | None:
        try:
            return secretstorage.get_collection_by_alias(self._connection, "default")
        except secretstorage.ItemNotFoundException:
            return None

    def _made(self) -> secretstorage.Collection:
        try:
            return secretstorage.create_collection(
                self._connection, "Default", "default"
            )
        except secretstorage.PromptDismissedException as exc:
            raise KeyUnavailableError(
                "the desktop has no keyring, and its question for one was refused"
            ) from exc

    def _search(self, attributes: dict[str, str]) -> secretstorage.Item | None:
        return next(secretstorage.search_items(self._connection, attributes), None)

    def _unlock(self, what: secretstorage.Collection | secretstorage.Item) -> None:
        if not what.is_locked():
            return
        if not self._ask:
            raise KeyUnavailableError("the desktop's keyring is locked")
        if what.unlock():
            raise KeyUnavailableError(
                "the desktop's keyring is locked, and its question was refused"
            )


@contextmanager
def desktop_keyring(
    *, ask: bool, seconds: float | None = None
) -> Iterator[DesktopKeyring]:
    """A conversation with the keyring of this session; blocks.

    Args:
        ask: whether the desktop may ask the person to unlock the keyring.
        seconds: how long all of it may take; by default as the constants say.

    Raises:
        KeyUnavailableError: there is none, it is locked, it refused, or is too slow.
    """
    seconds = seconds or (ASK_SECONDS if ask else QUIET_SECONDS)
    with _told_plainly(seconds), closing(_connect(seconds)) as connection:
        add_match_rules(connection)
        yield DesktopKeyring(connection, ask=ask)


def _attributes(item: ItemName) -> dict[str, str]:
    return {"application": "brokerd", "store": item.store, "key": item.key}


def _note_attributes(store: str) -> dict[str, str]:
    # No `key` among them: a search for a key never finds the note.
    return {"application": "brokerd", "store": store, "note": "generation"}


class _HurriedConnection(DBusConnection):  # type: ignore[misc]  # jeepney has no types
    """A connection whose every wait ends at one deadline.

    SecretStorage waits for prompts with a deadline, and for replies without one: a
    keyring that hangs would hold us for ever.
    """

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        super().__init__(sock)

    def receive(self, *, timeout: float | None = None) -> object:
        """The next message.

        Raises:
            TimeoutError: the deadline has passed.
        """
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return super().receive(timeout=left if timeout is None else min(timeout, left))


def _connect(seconds: float) -> _HurriedConnection:
    try:
        sock = prep_socket(get_bus("SESSION"), timeout=seconds)
    except KeyError as exc:
        raise KeyUnavailableError(
            "there is no D-Bus session here (DBUS_SESSION_BUS_ADDRESS is not set)"
        ) from exc
    except TimeoutError:
        raise
    # RuntimeError: an address that is not a Unix socket's.
    except (OSError, ValueError, RuntimeError) as exc:
        raise KeyUnavailableError(
            "the D-Bus of this session cannot be reached"
        ) from exc
    try:
        return _HurriedConnection(sock, seconds)
    except BaseException:
        sock.close()
        raise


@contextmanager
def _told_plainly(seconds: float) -> Iterator[None]:
    """Foreign errors become reasons for people; what they say is not repeated."""
    try:
        yield
    except secretstorage.PromptDismissedException as exc:
        raise KeyUnavailableError(
            "the question of the desktop's keyring was refused"
        ) from exc
    except secretstorage.SecretServiceNotAvailableException as exc:
        raise KeyUnavailableError(
            "no keyring (Secret Service) answers on the D-Bus of this session"
        ) from exc
    except secretstorage.LockedException as exc:
        raise KeyUnavailableError("the desktop's keyring is locked") from exc
    except DBusErrorResponse as exc:
        raise KeyUnavailableError(f"the desktop's keyring refused: {exc.name}") from exc
    except TimeoutError as exc:
        raise KeyUnavailableError(
            f"the desktop's keyring did not answer within {seconds:g} s"
        ) from exc
    except OSError as exc:
        raise KeyUnavailableError("the D-Bus of this session hung up") from exc
    # An assertion of SecretStorage's, or bytes that do not decrypt.
    except (secretstorage.SecretStorageException, AssertionError, ValueError) as exc:
        raise KeyUnavailableError(
            "the desktop's keyring answered what cannot be understood"
        ) from exc
