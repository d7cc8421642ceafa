"""Runs a command where only loopback is up: called inside a new network namespace.

As root `unshare --net python loopback_only.py COMMAND ...`; as an ordinary user with
`--map-current-user --keep-caps`, which gives the right to raise an interface.
"""

import ctypes
import fcntl
import os
import socket
import struct
import sys

SIOCSIFFLAGS = 0x8914
IFF_UP = 0x1
# struct ifreq of <linux/if.h>: the name, the flags, the rest of the union.
INTERFACE_REQUEST = "16sh14x"
# <linux/prctl.h>
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4


def raise_loopback() -> None:
    request = struct.pack(INTERFACE_REQUEST, b"lo", IFF_UP)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, request)


def become_ordinary() -> None:
    """The rights of the namespace end here: with them no file would be unreadable."""
    ctypes.CDLL(None).prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)


if __name__ == "__main__":
    raise_loopback()
    become_ordinary()
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - the command that was asked for
