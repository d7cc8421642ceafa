"""gcloud's database of credentials, `credentials.db`.

One table, a row an account: `credentials(account_id TEXT PRIMARY KEY, value BLOB)`,
the value in google-auth's JSON. Source: Google Cloud SDK, `core/credentials/creds.py`.
"""

from contextlib import closing

from broker.control.foreign.found import ForeignFileError, Found, parse_object
from broker.control.foreign.google_auth import authorized_user
from broker.model.secret import Secret

_MOST_ROWS = 1000
_BEGIN = b"SQLite format 3\x00"


def parse_gcloud_database(data: bytes, _: Secret | None = None) -> tuple[Found, ...]:
    """Every account of the database.

    It is read from memory: no file of SQLite's is opened, whatever lies beside it.
    """
    if not data.startswith(_BEGIN):
        raise ForeignFileError("is no SQLite database")
    import sqlite3  # noqa: PLC0415 - every other command starts without it

    try:
        with closing(sqlite3.connect(":memory:")) as database:
            database.deserialize(data)
            rows = database.execute(
                "SELECT account_id, value FROM credentials ORDER BY account_id"
            ).fetchmany(_MOST_ROWS)
    except (sqlite3.Error, UnicodeDecodeError, OverflowError):
        raise ForeignFileError("is no whole database of gcloud's") from None
    return tuple(_account(name, value) for name, value in rows)


def _account(name: object, value: object) -> Found:
    if isinstance(value, str):
        value = value.encode(errors="replace")
    if not isinstance(value, bytes):
        raise ForeignFileError("has an account without a value")
    # gcloud puts the universe behind the address of all but Google's own.
    address = name.partition("#")[0] if isinstance(name, str) else None
    return authorized_user(parse_object(value), address)
