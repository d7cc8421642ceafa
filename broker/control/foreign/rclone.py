"""rclone.conf: a section a remote, its token as Go's `oauth2.Token` in JSON.

Source: rclone, `lib/oauthutil` and `docs/content/docs.md` (configuration encryption).
"""

from collections.abc import Mapping

from broker.control.foreign.found import (
    Found,
    label_of,
    parse_object,
    scopes_member,
    secret_member,
)
from broker.control.foreign.marked import Marked, parse_ini
from broker.model.secret import Secret

_ENCRYPTED = b"RCLONE_ENCRYPT_V"

_ISSUERS = {
    "drive": "google",
    "google cloud storage": "google",
    "google photos": "google",
    "onedrive": "microsoft",
    "dropbox": "dropbox",
}

_GOOGLE_SCOPES = "https://www.googleapis.com/auth/"


def parse_rclone(data: bytes, _: Secret | None = None) -> tuple[Found, ...]:
    """Every remote that has a token."""
    if _ENCRYPTED in data[:4096]:
        obstacle = "is encrypted as a whole: `rclone config` decrypts it (s, u), "
        obstacle += "then import again"
        return (Found(label="rclone.conf", obstacle=obstacle, is_sealed=True),)
    return tuple(
        _remote(name, section)
        for name, section in parse_ini(data).items()
        if section.get("token")
    )


def _remote(name: str, section: Mapping[str, Marked]) -> Found:
    def said(key: str) -> str | None:
        marked = section.get(key)
        return marked.value or None if marked else None

    token = parse_object(section["token"].value.encode())
    kind, secret = said("type") or "", said("client_secret")
    refresh_token = secret_member(token, "refresh_token")
    return Found(
        label=label_of(name),
        issuer=None if said("token_url") else _ISSUERS.get(kind),
        token_endpoint=said("token_url"),
        client_id=said("client_id"),
        client_secret=Secret(secret) if secret else None,
        refresh_token=refresh_token,
        access_token=None if refresh_token else secret_member(token, "access_token"),
        scopes=_scopes(kind, section),
        obstacle=None if refresh_token else "holds no refresh token",
        lines=section["token"].lines,
    )


def _scopes(kind: str, section: Mapping[str, Marked]) -> tuple[str, ...]:
    said = section.get("scope")
    if said is None or kind != "drive":
        return scopes_member({"scope": said.value if said else None}, "scope")
    short = said.value.replace(",", " ").split()
    return tuple(s if "/" in s else _GOOGLE_SCOPES + s for s in short)
