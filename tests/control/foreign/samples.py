"""Files of other tools, as those write them. Every secret in them is made up."""

import base64
import json
import pickle
import sqlite3
import struct
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from google.oauth2.credentials import Credentials

TOKEN = "refresh-of-another-tool"
SECRET = "client-secret-of-another-tool"
PASSWORD = "open sesame"

OIDC_AGENT = (Path(__file__).parent / "files/oidc-agent-4.2.6").read_bytes()
"""Written by oidc-gen 4.2.6 itself, under the password 'pw'."""


def credentials(token_uri: str = "https://oauth2.googleapis.com/token") -> Credentials:
    """google-auth's own."""
    return Credentials(  # type: ignore[no-untyped-call]
        token="access",
        refresh_token=TOKEN,
        token_uri=token_uri,
        client_id="cid.apps.googleusercontent.com",
        client_secret=SECRET,
        scopes=["drive", "mail"],
        expiry=datetime(2030, 1, 1),  # noqa: DTZ001 - google-auth's are naive
        account="alice@example.com",
    )


def token_json() -> bytes:
    text: str = credentials().to_json()  # type: ignore[no-untyped-call]
    return text.encode()


def token_pickle(protocol: int = pickle.HIGHEST_PROTOCOL) -> bytes:
    return pickle.dumps(credentials(), protocol)


def adc() -> bytes:
    return json.dumps(
        {
            "type": "authorized_user",
            "client_id": "cid",
            "client_secret": SECRET,
            "refresh_token": TOKEN,
            "account": "",
        }
    ).encode()


BOTO = (
    f"[OAuth2]\nclient_id = cid\nclient_secret = {SECRET}\n\n[Credentials]\n"
    f"gs_oauth2_refresh_token = {TOKEN}"
).encode()
"""gcloud's copy for gsutil; its last line has no end."""


def credentials_db(*accounts: str) -> bytes:
    """gcloud's; each account has another token."""
    credential = json.loads(adc())
    return credentials_db_of(
        {
            account: {**credential, "refresh_token": TOKEN + str(number or "")}
            for number, account in enumerate(accounts)
        }
    )


def database(*statements: str) -> bytes:
    """Whatever they make."""
    with closing(sqlite3.connect(":memory:")) as made:
        for statement in statements:
            made.execute(statement)
        made.commit()
        return made.serialize()


def credentials_db_of(credentials: Mapping[str, Mapping[str, str]]) -> bytes:
    """gcloud's, by the statements that gcloud makes it with."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute(
            'CREATE TABLE IF NOT EXISTS "credentials" '
            "(account_id TEXT PRIMARY KEY, value BLOB)"
        )
        for account, value in credentials.items():
            database.execute(
                "REPLACE INTO credentials VALUES (?, ?)", (account, json.dumps(value))
            )
        database.commit()
        return database.serialize()


EXPORTED = json.dumps(
    {
        "account": "work",
        "issuer": "https://issuer.example",
        "token_endpoint": "https://issuer.example/token",
        "client_id": "cid",
        "client_secret": SECRET,
        "refresh_token": TOKEN,
        "access_token": None,
        "scopes": ["drive", "mail"],
    },
    indent=2,
).encode()
"""By `brokerctl export`."""


def oauth2l() -> bytes:
    secrets = {"installed": {"client_id": "cid", "client_secret": SECRET}}
    key = json.dumps(
        {"CredentialsJSON": json.dumps(secrets), "Scope": "drive mail", "Audience": ""}
    )
    token = {"access_token": "at", "refresh_token": TOKEN, "token_type": "Bearer"}
    return json.dumps(
        {key: base64.b64encode(json.dumps(token).encode()).decode()}
    ).encode()


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def pizauth(version: int = 1, refresh_token: str | None = TOKEN) -> bytes:
    """A dump of one account, by bincode's rules."""
    account = _text("https://issuer.example/authorize")
    account += struct.pack("<Q", 1) + _text("login_hint") + _text("alice@example.com")
    account += _text("cid") + b"\1" + _text(SECRET) + _text("http://localhost/")
    account += struct.pack("<Q", 2) + _text("imap") + _text("smtp")
    account += _text("https://issuer.example/token")
    state = struct.pack("<I", 1) + _text("access") + 2 * struct.pack("<QI", 1, 2)
    state += b"\0" if refresh_token is None else b"\1" + _text(refresh_token)
    plain = struct.pack("<QQ", version, 1) + _text("work mail") + account + state
    key = bytes.fromhex(
        "66a247a85e48cfecaaed9b36eba97d5350d4286375097a44eeffb9c4546b65a3"
    )
    return bytes(12) + ChaCha20Poly1305(key).encrypt(bytes(12), plain, None)


GH = b"""github.com:
    users:
        alice:
            oauth_token: gho_abcdef
    git_protocol: https
    oauth_token: gho_abcdef
    user: alice
"""

GLAB = f"""# What protocol to use when performing Git operations. Supported values: ssh
git_protocol: ssh
editor:
hosts:
    gitlab.com:
        token: !!null access
        api_host: gitlab.com
        is_oauth2: "true"
        oauth2_refresh_token: {TOKEN}
        oauth2_expiry_date: 02 Jan 30 00:00 UTC
        user: alice
""".encode()

MCP_TOKENS = json.dumps(
    {
        "access_token": "at",
        "token_type": "Bearer",
        "refresh_token": TOKEN,
        "scope": "drive mail",
    },
    indent=2,
).encode()
MCP_CLIENT = json.dumps({"client_id": "cid", "client_secret": SECRET}).encode()


def email_proxy(*mailboxes: str, rounds: int = 1000) -> bytes:
    """A configuration, its tokens under `PASSWORD`."""
    salt = bytes(16)
    derive = PBKDF2HMAC(algorithm=SHA256(), length=32, salt=salt, iterations=rounds)
    key = base64.urlsafe_b64encode(derive.derive(PASSWORD.encode()))
    sealed = Fernet(key).encrypt(TOKEN.encode()).decode()
    text = "[Server setup]\n\n[IMAP-1993]\nserver_address = imap.example.com\n"
    for mailbox in mailboxes:
        text += (
            f"\n[{mailbox}]\npermission_url = https://issuer.example/authorize\n"
            "token_url = https://issuer.example/token\noauth2_scope = imap\n"
            "    smtp\nredirect_uri = http://localhost\nclient_id = cid\n"
            f"client_secret = {SECRET}\n"
            f"token_salt = {base64.b64encode(salt).decode()}\n"
            f"token_iterations = {rounds}\naccess_token = {sealed}\n"
            f"access_token_expiry = 1900000000\nrefresh_token = {sealed}\n"
        )
    return text.encode()


RCLONE = (
    "[gd]\ntype = drive\nclient_id = cid\nclient_secret = " + SECRET + "\n"
    'scope = drive.readonly\ntoken = {"access_token":"at","token_type":"Bearer",'
    '"refresh_token":"' + TOKEN + '","expiry":"2030-01-01T00:00:00Z"}\n'
    "team_drive = \n\n[disk]\ntype = local\n"
).encode()

MUTT = json.dumps(
    {
        "registration": "google",
        "authflow": "authcode",
        "email": "alice@example.com",
        "access_token": "at",
        "access_token_expiration": "2030-01-01T00:00:00",
        "refresh_token": TOKEN,
    }
).encode()

TARGET = "target@project.iam.gserviceaccount.com"

IMPERSONATED = json.dumps(
    {
        "type": "impersonated_service_account",
        "service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1"
        f"/projects/-/serviceAccounts/{TARGET}:generateAccessToken",
        "delegates": ["projects/-/serviceAccounts/d@project.iam.gserviceaccount.com"],
        "source_credentials": {
            "type": "authorized_user",
            "client_id": "cid.apps.googleusercontent.com",
            "client_secret": SECRET,
            "refresh_token": TOKEN,
        },
    }
).encode()

SERVICE_ACCOUNT = json.dumps(
    {
        "type": "service_account",
        "client_email": "robot@project.iam.gserviceaccount.com",
        "private_key": "-----BEGIN PRIVATE KEY-----",
    }
).encode()
