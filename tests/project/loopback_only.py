"""Runs a command where only loopback is up: called inside a new network namespace.

`unshare --map-root-user --net python loopback_only.py COMMAND ...`
"""

import fcntl
import os
import socket
import struct
import sys

SIOCSIFFLAGS = 0x8914
IFF_UP = 0x1
# struct ifreq of <linux/if.h>: the name, the flags, the rest of the union.
INTERFACE_REQUEST = "16sh14x"


def raise_loopback() -> None:
    request = struct.pack(INTERFACE_REQUEST, b"lo", IFF_UP)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, request)


if __name__ == "__main__":
    raise_loopback()
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - the command that was asked for
