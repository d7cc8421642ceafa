"""The names of the key sources, as stores record them. Light: brokerctl reads it."""

import sys
from collections.abc import Mapping

PLAIN = "plain"
PASSPHRASE = "passphrase"  # noqa: S105 - the name of a key source
SECRET_SERVICE = "secret-service"  # noqa: S105 - the name of a key source
SYSTEMD_CREDENTIAL = "systemd-credential"
KEYCHAIN = "keychain"
DPAPI = "dpapi"

_EVERYWHERE = (PLAIN, PASSPHRASE)
_OF_ONE_SYSTEM = {
    "linux": (SECRET_SERVICE, SYSTEMD_CREDENTIAL),
    "darwin": (KEYCHAIN,),
    "win32": (DPAPI,),
}


def key_sources(platform: str = sys.platform) -> tuple[str, ...]:
    """The sources that a system can have, whether or not they are ready now.

    Args:
        platform: as `sys.platform` names it.
    """
    return _EVERYWHERE + _OF_ONE_SYSTEM.get(platform, ())


# In this order because whoever names a credential in a unit has decided already; a
# keyring of the system keeps the key from whoever has the files alone, and opens with
# the person's login; a key file opens always, and protects least. Never a passphrase:
# a daemon that nobody asked for one would be locked at each start.
_CHOICE = {
    "linux": (SYSTEMD_CREDENTIAL, SECRET_SERVICE, PLAIN),
    "darwin": (KEYCHAIN, PLAIN),
    "win32": (DPAPI, PLAIN),
}


def automatic_choice(platform: str = sys.platform) -> tuple[str, ...]:
    """The sources to try for a new store when nobody chooses, the best first.

    The first whose `KeySource.probe` returns is taken; the last always can be had.

    Args:
        platform: as `sys.platform` names it.
    """
    return _CHOICE.get(platform, (PLAIN,))


DESCRIPTIONS: Mapping[str, str] = {
    PLAIN: "a key file beside the store: whoever has both files can open it",
    PASSPHRASE: "a passphrase of yours, asked for at each start",
    SECRET_SERVICE: "the desktop's keyring: opens while that is unlocked",
    SYSTEMD_CREDENTIAL: "a credential that systemd hands to the daemon",
    KEYCHAIN: "the login keychain: opens while you are logged in",
    DPAPI: "sealed by Windows for your account on this machine",
}
"""One line for people on each source: what `init` offers and `doctor` explains."""
