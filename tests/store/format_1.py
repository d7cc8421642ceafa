"""A store of format 1, written by hand: no head, one key slot, a key of 32 bytes."""

import secrets
import sqlite3
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.model.grant import Grant
from broker.model.secret import SecretBytes
from broker.store.keys.source import KeySource
from broker.store.records import grant_record
from broker.store.sealing import Place, index_key, key_id, row_id, seal
from tests.store.samples import put_bytes

STORE_ID = b"one store of old"

TABLES = """
CREATE TABLE store (id BLOB NOT NULL CHECK (length(id) = 16));
CREATE TABLE key_slot (
    slot INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    parameters TEXT NOT NULL,
    wrapped BLOB NOT NULL
);
CREATE TABLE record (
    id BLOB PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 0),
    key_id BLOB NOT NULL CHECK (length(key_id) = 8),
    sealed BLOB NOT NULL
);
CREATE TABLE damaged_record (id BLOB, kind TEXT, version INTEGER, key_id BLOB,
                             sealed BLOB);
PRAGMA application_id = 0x62726b64;
PRAGMA user_version = 1;
"""


def make_format_1(path: Path, source: KeySource, *grants: Grant) -> None:
    """Make it at `path`, with a key from `source`."""
    made = source.make(secrets.token_bytes, STORE_ID)
    data_key = SecretBytes(secrets.token_bytes(32))
    put_bytes(path, b"")
    connection = sqlite3.connect(path)
    connection.executescript(TABLES)
    connection.execute("INSERT INTO store VALUES (?)", (STORE_ID,))
    bound = f"{source.name}\0{made.parameters}".encode()
    wrapped = _wrapped(made.key, data_key, bound)
    connection.execute(
        "INSERT INTO key_slot VALUES (1, ?, ?, ?)",
        (source.name, made.parameters, wrapped),
    )
    for grant in grants:
        values = _record(data_key, grant)
        connection.execute("INSERT INTO record VALUES (?, ?, ?, ?, ?)", values)
    connection.commit()
    connection.close()


def _wrapped(key: SecretBytes, data_key: SecretBytes, slot: bytes) -> bytes:
    nonce = secrets.token_bytes(12)
    parts = (b"brokerd/wrapped-key/v1", STORE_ID, slot)
    bound = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return nonce + AESGCM(key.reveal()).encrypt(nonce, data_key.reveal(), bound)


def _record(data_key: SecretBytes, grant: Grant) -> tuple[object, ...]:
    place = Place(
        store_id=STORE_ID,
        key_id=key_id(data_key),
        kind="grant",
        row_id=row_id(index_key(data_key), "grant", grant.account.name),
        version=grant.version,
    )
    plain = grant_record(grant)
    salt, nonce = secrets.token_bytes(32), secrets.token_bytes(12)
    sealed = seal(data_key, place, plain, salt=salt, nonce=nonce)
    return (place.row_id, place.kind, place.version, place.key_id, sealed)
