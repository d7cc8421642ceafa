"""The sandbox's one client, and its client_secret.json in Google's shape."""

import json
import os
import secrets
import stat
from pathlib import Path

from broker.host.private import ensure_private_directory
from broker.model.client import Client, ClientAuthentication
from broker.model.errors import DirectoryUnsafeError, StoreFailedError
from broker.model.secret import Secret
from broker.model.strict_json import parse_json

CLIENT_ID = "brokerd-sandbox"
CLIENT_NAME = "Sandbox installed program"
FILE_NAME = "client_secret.json"

_SECRET_PREFIX = "sandbox-secret-"  # noqa: S105 - what a secret begins with
_LARGEST_FILE_BYTES = 16 * 1024


def new_or_same_client(folder: Path) -> Client:
    """The client, with the secret that the folder's file holds, else with a new one.

    The same one again, so that a sign-in repeated after a restart of the sandbox
    on the same port still knows its client.
    """
    secret = _secret_of(folder / FILE_NAME)
    return Client(
        client_id=CLIENT_ID,
        client_secret=secret or Secret(_SECRET_PREFIX + secrets.token_urlsafe(24)),
        authentication=ClientAuthentication.BASIC,
    )


def verify_folder(folder: Path) -> None:
    """Make the folder (0700) if it is missing; it must be its owner's alone to change.

    Raises:
        DirectoryUnsafeError: it is another user's, others can write to it, or it
            is no folder, or it cannot be made.
        StoreFailedError: it cannot be looked at.
    """
    try:
        if not os.path.lexists(folder):
            # Parents too: the default lies in the daemon's own folder, which the
            # daemon would refuse if it were open to others.
            ensure_private_directory(folder)
        found = folder.stat()
        if not folder.is_dir():
            raise DirectoryUnsafeError(path=str(folder), what="not a folder")
    except OSError as exc:
        raise StoreFailedError(what=f"{folder}: {exc.strerror}") from exc
    if os.name == "nt":  # owners and modes say nothing there; the profile's ACL does
        return
    if found.st_uid != os.geteuid():
        raise DirectoryUnsafeError(path=str(folder), what="it belongs to another user")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise DirectoryUnsafeError(path=str(folder), what="others can write to it")


def write_client_secrets(folder: Path, client: Client, issuer: str) -> Path:
    """Put client_secret.json (0600) in place whole, and say where it is.

    Raises:
        StoreFailedError: the disk refused.
    """
    path = folder / FILE_NAME
    draft = folder / f".{FILE_NAME}.{secrets.token_hex(8)}"
    try:
        # Made with its mode, never changed after: between the two it could be read.
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(_installed_document(client, issuer))
        draft.replace(path)
    except OSError as exc:
        draft.unlink(missing_ok=True)
        raise StoreFailedError(what=f"{path}: {exc.strerror}") from exc
    return path


def _installed_document(client: Client, issuer: str) -> bytes:
    """`{"installed": {"client_id": str, "auth_uri": URL, "token_uri": URL, …}}`."""
    if client.client_secret is None:
        raise ValueError("the sandbox's client has a secret")
    installed = {
        "client_id": client.client_id,
        "project_id": "brokerd-sandbox",
        "auth_uri": f"{issuer}/authorize",
        "token_uri": f"{issuer}/token",
        "client_secret": client.client_secret.reveal(),
        "redirect_uris": ["http://localhost"],
    }
    return json.dumps({"installed": installed}, indent=2).encode() + b"\n"


def _secret_of(path: Path) -> Secret | None:
    """The client secret that an earlier sandbox wrote there, or None."""
    try:
        with path.open("rb") as file:
            document = parse_json(file.read(_LARGEST_FILE_BYTES))
    except (OSError, ValueError):
        return None
    match document:
        case {"installed": {"client_id": str(client_id), "client_secret": str(secret)}}:
            ours = client_id == CLIENT_ID and secret.startswith(_SECRET_PREFIX)
            return Secret(secret) if ours and secret.isascii() else None
        case _:
            return None
