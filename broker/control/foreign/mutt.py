"""The token file of mutt's `mutt_oauth2.py`, which msmtp and others are fed from, too.

JSON, encrypted by gpg unless the person has changed the script. The client is in the
script, and in newer token files. Source: mutt, `contrib/mutt_oauth2.py`.
"""

from broker.control.foreign.found import (
    ForeignFileError,
    Found,
    label_of,
    parse_object,
    secret_member,
    text_member,
)
from broker.model.secret import Secret

_ARMOUR = b"-----BEGIN PGP MESSAGE"

_GPG_PACKETS = {0x84, 0x85, 0x8C, 0xC1, 0xC3}
"""How a message for a public key or a password begins (RFC 9580 section 4.2)."""

_ISSUERS = {"google": "google", "microsoft": "microsoft"}


def parse_mutt(data: bytes, _: Secret | None = None) -> tuple[Found, ...]:
    """The one sign-in of the file."""
    if data.startswith(_ARMOUR) or (data[:1] and data[0] in _GPG_PACKETS):
        obstacle = (
            "is encrypted for gpg: `gpg --decrypt FILE` into a file of mode 0600, "
        )
        obstacle += "import that, and delete it"
        return (Found(label="token file", obstacle=obstacle, is_sealed=True),)
    members = parse_object(data)
    if "registration" not in members or "access_token" not in members:
        raise ForeignFileError("is no token file of mutt_oauth2.py's")
    refresh_token = secret_member(members, "refresh_token")
    registration = text_member(members, "registration") or ""
    return (
        Found(
            label=label_of(members.get("email")),
            issuer=_ISSUERS.get(registration),
            client_id=text_member(members, "client_id"),
            client_secret=secret_member(members, "client_secret"),
            refresh_token=refresh_token,
            obstacle=None if refresh_token else "holds no refresh token",
        ),
    )
