"""The names of the key sources, as stores record them. Light: brokerctl reads it."""

import sys

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
