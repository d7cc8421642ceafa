"""Grants to store, and what a test does to the files behind the store's back."""

import asyncio
import sqlite3
from pathlib import Path

from broker.model.account import Account, AccountName, RedirectChoice
from broker.model.client import Client, ClientAuthentication, Registration
from broker.model.grant import Grant
from broker.model.issuer import Issuer, Quirks
from broker.model.secret import Secret
from broker.model.time import Instant, Seconds, UnixTime
from broker.model.token import AccessToken
from broker.store.keys.passphrase import Argon2id, Passphrase
from broker.store.keys.plain import KeyFile
from broker.store.store import SealedStore

ISSUER = Issuer(
    url="https://issuer.example",
    authorization_endpoint="https://issuer.example/authorize-here",
    token_endpoint="https://issuer.example/token-here",
    revocation_endpoint="https://issuer.example/revoke-here",
    scopes_supported=("openid", "drive.readonly"),
    code_challenge_methods=("S256",),
    openid=True,
    quirks=Quirks(scope_separator=",", bearer_names=("user",)),
)

ACCESS_TOKEN = AccessToken(
    value=Secret("an-access-token"),
    token_type="Bearer",
    scopes=frozenset({"drive.readonly"}),
    obtained=Instant(wall=UnixTime(1_800_000_000.25), boot=Seconds(12.5)),
    life=Seconds(3600),
)


def a_grant(
    name: str = "alice@example.com",
    *,
    version: int = 1,
    refresh_token: str = "a-refresh-token",
) -> Grant:
    """A grant that has something in every member."""
    account = Account(
        name=AccountName(name),
        issuer=ISSUER,
        client=Client(
            client_id="a-client-id",
            client_secret=Secret("a-client-secret"),
            authentication=ClientAuthentication.POST,
            registration=Registration(
                redirect_uris=("http://127.0.0.1:20001/", "http://127.0.0.1/"),
                expires_at=UnixTime(1_900_000_000),
                uri="https://issuer.example/register/a-client-id",
                access_token=Secret("a-registration-token"),
            ),
        ),
        preset="google",
        scopes=("openid", "drive.readonly"),
        parameters={"access_type": "offline-access"},
        login_hint="hint@example.com",
        redirect=RedirectChoice(host="localhost", port=8080),
        resource="https://api.example/mcp",
    )
    return Grant(
        account=account,
        version=version,
        refresh_token=Secret(refresh_token),
        access_token=ACCESS_TOKEN,
        scopes=frozenset({"openid", "drive.readonly"}),
        subject="subject-4711",
        granted_at=UnixTime(1_800_000_000.5),
        refresh_expires_at=UnixTime(1_815_551_999),
        ended_because="the-issuer-said-so",
    )


def key_file(path: Path) -> KeyFile:
    """The key file of the store at `path`."""
    return KeyFile(path.with_suffix(".key"))


def cheap(salt: bytes) -> Argon2id:
    """A derivation that costs a test nothing."""
    return Argon2id(salt=salt, memory_kib=8, iterations=1, lanes=1)


def typed(passphrase: str) -> Passphrase:
    """What a person types."""
    return Passphrase(Secret(passphrase), cheap)


CLOSED = ["store.anchor", "store.ballast", "store.db", "store.key"]
"""What lies in the folder of a closed store whose key is in a file."""


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def modes_in(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}


def copy_of(folder: Path, copy: Path) -> Path:
    """What a crash at this moment would leave, in another folder."""
    copy.mkdir()
    for file in _files_in(folder, "store*.*"):
        (copy / file.name).write_bytes(file.read_bytes())
        (copy / file.name).chmod(0o600)
    return copy


def _files_in(folder: Path, pattern: str = "*") -> list[Path]:
    """All but the one that lives only while a note is made."""
    files = folder.glob(pattern)
    return sorted(file for file in files if not file.name.endswith(".anchor.new"))


def rows_of(path: Path, statement: str) -> list[tuple[object, ...]]:
    """What a closed store holds, as it lies there."""
    connection = sqlite3.connect(path)
    found = connection.execute(statement).fetchall()
    connection.close()
    return found


def tamper(path: Path, statement: str, *values: object) -> None:
    """Change a closed store."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement, values)
    connection.close()


def bytes_in(file: Path) -> bytes:
    """All bytes of a file."""
    return file.read_bytes()


def put_bytes(file: Path, content: bytes) -> None:
    """Put other bytes into a file that is there, without making another."""
    file.write_bytes(content)
    file.chmod(0o600)


def bytes_of(folder: Path) -> bytes:
    """All bytes of all files in the folder, and the files' names."""
    return b"".join(
        path.name.encode() + path.read_bytes() for path in _files_in(folder)
    )


async def noted(store: SealedStore) -> None:
    """Return when nothing is about to be noted outside of it."""
    await asyncio.wrap_future(store._anchors._thread.submit(bool))


async def grants_in(store: SealedStore) -> list[Grant]:
    """Every grant that opens, in the order of their names; all damage is known then."""
    return sorted(await store.list(), key=lambda grant: grant.account.name)
