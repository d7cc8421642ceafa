"""The keyring that Linux keeps for each user: outlives processes, not the machine.

What lies there is never swapped out, and every program of the same user can read it.
Through libc's syscall(3), for libc has no calls for it.
Source: keyrings(7), add_key(2), keyctl(2); linux/keyctl.h, each machine's unistd.h.
"""

import ctypes
import errno
import os
import sys

from broker.model.secret import SecretBytes

# (add_key, keyctl) of each machine.
_CALLS = {"x86_64": (248, 250), "aarch64": (217, 219)}
_64_BITS = sys.maxsize > 2**32
"""A program of 32 bits has other numbers, on the same machine."""

_PROCESS_KEYRING = -2
_USER_KEYRING = -4

_SETPERM = 5
_LINK = 8
_UNLINK = 9
_SEARCH = 10
_READ = 11
_SET_TIMEOUT = 15
_INVALIDATE = 21

# View, read and search for the same user, and for whoever possesses it (the session of
# a login) link, too. Nobody may write it or lift its timeout.
_PERMISSIONS = 0x1B_0B_00_00

# errno.h of Linux: ENOKEY, EKEYEXPIRED, EKEYREVOKED. Python has them on Linux alone.
_GONE = frozenset({126, 127, 128})

_PAYLOAD_BYTES_LIMIT = 4096


class KernelKeyring:
    """The keyring of this user. Every method raises OSError where it cannot be had.

    ENOSYS: this system or machine has none that is known here. EPERM: a container
    forbids it. EDQUOT: the user's share (200 keys, 20,000 bytes by default) is used up.
    """

    def keep(self, name: str, secret: SecretBytes, seconds: int) -> None:
        """Keep `secret` in the place of what had this name, and drop it in time.

        Args:
            name: no secret: it is in /proc/keys.
            secret: up to 4096 bytes.
            seconds: until the kernel drops it, whoever runs by then; at least 1.
        """
        if seconds < 1:
            raise ValueError(seconds)  # to the kernel, 0 means for ever
        payload = secret.reveal()
        arguments = (b"user", name.encode(), payload, len(payload), _PROCESS_KEYRING)
        # Made in a keyring that ends with this process: killed at any moment before
        # the last step, it leaves no key without a timeout, or open to more programs.
        key = _called(0, *arguments)
        try:
            _keyctl(_SET_TIMEOUT, key, seconds)
            _keyctl(_SETPERM, key, _PERMISSIONS)
            _keyctl(_LINK, key, _USER_KEYRING)
        finally:
            _keyctl(_UNLINK, key, _PROCESS_KEYRING)

    def find(self, name: str) -> SecretBytes | None:
        """What is kept under this name, or None where nothing is, or no longer."""
        buffer = ctypes.create_string_buffer(_PAYLOAD_BYTES_LIMIT)
        try:
            key = _search(name)
            size = _keyctl(_READ, key, buffer, len(buffer))
        except OSError as exc:
            if exc.errno in _GONE:
                return None
            raise
        found = SecretBytes(buffer.raw[:size])
        ctypes.memset(buffer, 0, len(buffer))
        return found

    def remove(self, name: str) -> None:
        """Take away what is kept under this name, if anything is; at once."""
        try:
            # Not unlinked: that would leave it to whoever has linked it elsewhere.
            _keyctl(_INVALIDATE, _search(name))
        except OSError as exc:
            if exc.errno not in _GONE:
                raise


def _search(name: str) -> int:
    return _keyctl(_SEARCH, _USER_KEYRING, b"user", name.encode(), 0)


def _keyctl(*arguments: object) -> int:
    return _called(1, *arguments)


def _called(which: int, *arguments: object) -> int:
    """What one of the two system calls returns.

    Raises:
        OSError: the kernel refused.
    """
    numbers = _CALLS.get(os.uname().machine) if sys.platform == "linux" else None
    if numbers is None or not _64_BITS:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    # Whole registers: what C leaves of a narrower number above it is undefined.
    passed = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    returned: int = libc.syscall(ctypes.c_long(numbers[which]), *passed)
    if returned < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return returned
