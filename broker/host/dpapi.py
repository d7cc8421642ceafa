"""DPAPI for the user whom this process runs as. Satisfies the store's `Protector`.

Source: dpapi.h.
"""

import ctypes
import sys

assert sys.platform == "win32"  # noqa: S101 - tells mypy, too

from broker.host import win32  # noqa: E402 - as above
from broker.model.secret import SecretBytes  # noqa: E402 - as above

# No window: the daemon has no desktop of its own.
_CRYPTPROTECT_UI_FORBIDDEN = 0x1


class _Blob(ctypes.Structure):
    """DATA_BLOB."""

    _fields_ = (("size", ctypes.c_uint32), ("data", ctypes.c_void_p))


class WindowsProtector:
    """What Windows seals here it opens for the same user, on this machine alone."""

    def protect(self, key: SecretBytes, entropy: bytes) -> bytes:
        """See `Protector`."""
        return _called("CryptProtectData", key.reveal(), entropy)

    def unprotect(self, sealed: bytes, entropy: bytes) -> SecretBytes:
        """See `Protector`."""
        return SecretBytes(_called("CryptUnprotectData", sealed, entropy))


def _called(function: str, data: bytes, entropy: bytes) -> bytes:
    """What one of the two functions makes of `data`.

    Raises:
        OSError: Windows refused.
    """
    crypt32 = ctypes.WinDLL("crypt32", use_last_error=True)
    buffers = [ctypes.create_string_buffer(part, len(part)) for part in (data, entropy)]
    given, extra = (_Blob(len(b), ctypes.addressof(b)) for b in buffers)
    made = _Blob()
    done = getattr(crypt32, function)(
        ctypes.byref(given),
        None,
        ctypes.byref(extra),
        None,
        None,
        _CRYPTPROTECT_UI_FORBIDDEN,
        ctypes.byref(made),
    )
    if not done:
        raise ctypes.WinError(ctypes.get_last_error())
    try:
        return ctypes.string_at(made.data, made.size)
    finally:
        win32.free(made.data)
