"""Logs of the audit for the tests: lines and files of a chain."""

from pathlib import Path

from broker.model.secret import SecretBytes
from broker.store.audit_check import Remembered
from broker.store.audit_log import AuditLog

KEY = SecretBytes(bytes(range(32)))
OTHER_KEY = SecretBytes(bytes(32))
AT = 1_800_000_000.0


def body(number: int) -> bytes:
    return b'{"at":%d,"operation":"token","account":"work"}' % number


def opened(
    folder: Path,
    remembered: Remembered | None = None,
    *,
    key: SecretBytes = KEY,
    max_bytes: int = 10**6,
    keep: int = 2,
) -> AuditLog:
    log = AuditLog(folder, max_bytes=max_bytes, keep=keep)
    log.open(key, remembered or Remembered(), AT)
    return log


def written(
    folder: Path, lines: int, *, max_bytes: int = 10**6, keep: int = 2
) -> Remembered:
    """A log of so many lines, and what a store remembers of it."""
    log = opened(folder, max_bytes=max_bytes, keep=keep)
    for number in range(lines):
        if log.append([body(number)], AT):
            log.prune()
    log.close()
    return log.remembered
