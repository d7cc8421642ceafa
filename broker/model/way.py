"""Ways to sign in: how the person, the issuer and the broker meet."""

from enum import Enum


class Way(Enum):
    """How the issuer's answer gets here. Only the person chooses one."""

    LOOPBACK = "loopback"
    """The browser brings it to a listener on this machine (RFC 8252 section 7.3)."""
    PASTE = "paste"
    """The person copies the address that the browser was sent to."""
    OOB = "oob"
    """The issuer's page shows the code, and the person copies it."""
    OOB_AUTO = "oob-auto"
    """The title of the issuer's page holds the code, and `brokerctl` reads it."""
    DEVICE = "device"
    """The person types a code of ours into another device (RFC 8628)."""
