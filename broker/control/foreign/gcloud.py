"""gcloud's database of credentials, `credentials.db`, and the copy that gsutil reads.

One table, a row an account: `credentials(account_id TEXT PRIMARY KEY, value BLOB)`,
the value in google-auth's JSON. For each person's it writes a `.boto`, too. Source:
Google Cloud SDK, `core/credentials/creds.py` and `store.py`.
"""

from contextlib import closing
from typing import TYPE_CHECKING

from broker.control.foreign.found import (
    NO_LABEL,
    ForeignFileError,
    Found,
    parse_object,
)
from broker.control.foreign.google_auth import GOOGLE_TOKEN_ENDPOINT, authorized_user
from broker.control.foreign.marked import parse_ini
from broker.model.secret import Secret

if TYPE_CHECKING:
    import sqlite3

_MOST_ROWS = 1000
_MOST_STEPS = 1_000_000
"""Of SQLite's machine; a thousand rows take some ten thousand."""
_MOST_BYTES = 128 * 1024
"""Of one value; a service account's key takes three thousand."""
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
            bound(database)
            database.deserialize(data)
            rows = database.execute(
                "SELECT account_id, value FROM credentials ORDER BY account_id"
            ).fetchmany(_MOST_ROWS)
    except (sqlite3.Error, UnicodeDecodeError, OverflowError, MemoryError):
        raise ForeignFileError("is no whole database of gcloud's") from None
    return tuple(_account(name, value) for name, value in rows)


def bound(database: "sqlite3.Connection") -> None:
    """See that nothing in a database takes for ever, or all the memory there is.

    What is called a table may be a view, and counts as far as it likes.
    """
    import sqlite3  # noqa: PLC0415 - every other command starts without it

    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_BYTES)
    database.set_progress_handler(lambda: True, _MOST_STEPS)


def parse_boto(data: bytes, _: Secret | None = None) -> tuple[Found, ...]:
    """Gsutil's copy of a person's sign-in; nothing where it is for a key's file.

    gcloud ends its last line with nothing, so that half a token cannot be told from a
    whole one: it is never more than a copy of what is taken over from elsewhere.
    """
    sections = parse_ini(data if data.endswith(b"\n") else data + b"\n")
    token = sections.get("Credentials", {}).get("gs_oauth2_refresh_token")
    if token is None or not token.value:
        return ()
    return (
        Found(
            label=NO_LABEL,
            token_endpoint=GOOGLE_TOKEN_ENDPOINT,
            refresh_token=Secret(token.value),
            obstacle="is gsutil's copy of a sign-in of gcloud's: import that",
            lines=token.lines,
        ),
    )


def _account(name: object, value: object) -> Found:
    if isinstance(value, str):
        value = value.encode(errors="replace")
    if not isinstance(value, bytes):
        raise ForeignFileError("has an account without a value")
    # gcloud puts the universe behind the address of all but Google's own.
    address = name.partition("#")[0] if isinstance(name, str) else None
    return authorized_user(parse_object(value), address)
