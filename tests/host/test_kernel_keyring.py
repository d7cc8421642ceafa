"""What is the kernel's own; the rest is in tests/contracts/test_timed_keyring.py."""

import errno
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from broker.host import kernel_keyring
from broker.host.kernel_keyring import (
    _LINK,
    _PROCESS_KEYRING,
    _SEARCH,
    _SET_TIMEOUT,
    _SETPERM,
    KernelKeyring,
    _keyctl,
    _search,
)
from broker.model.secret import SecretBytes

if sys.platform != "linux":
    pytest.skip("the keyring is the Linux kernel's", allow_module_level=True)

HOUR = 3600
SECRET = b"\0a secret of thirty-two bytes..\0"

# A session of its own possesses nothing of what this one made.
ELSEWHERE = """
import sys
from broker.host import kernel_keyring
JOIN_SESSION_KEYRING = 1
kernel_keyring._keyctl(JOIN_SESSION_KEYRING, None)
print(kernel_keyring.KernelKeyring().find(sys.argv[1]).reveal().hex())
"""

# An ordinary user, for root has a share that no test can use up. The name stays free:
# nothing was kept.
TOO_MUCH = """
import os, sys
from broker.host.kernel_keyring import KernelKeyring
from broker.model.secret import SecretBytes
if os.geteuid() == 0:
    os.setuid(65534)
try:
    KernelKeyring().keep(sys.argv[1], SecretBytes(bytes(32_000)), 60)
except OSError as exc:
    print(exc.errno, KernelKeyring().find(sys.argv[1]))
"""


@pytest.fixture
def name() -> Iterator[str]:
    chosen = f"brokerd:test:{secrets.token_hex(8)}"
    yield chosen
    KernelKeyring().remove(chosen)


def listed(name: str) -> list[str]:
    """The row of this key in /proc/keys: id, flags, uses, timeout, permissions, ..."""
    rows = Path("/proc/keys").read_text().splitlines()
    # By its number: one that was replaced is listed until the kernel cleans up.
    (row,) = [row for row in rows if row.startswith(f"{_search(name):08x} ")]
    return row.split()


def said(script: str, *words: str) -> str:
    command = [sys.executable, "-c", script, *words]
    return subprocess.check_output(command, text=True).strip()  # noqa: S603 - our own code


def test_the_kernel_drops_it_in_time_whoever_runs_by_then(name: str) -> None:
    KernelKeyring().keep(name, SecretBytes(SECRET), 30 * HOUR)
    assert listed(name)[3] == "1d"
    # Kept again: the timeout is the new one's, not the old one's and not none.
    KernelKeyring().keep(name, SecretBytes(SECRET), 100 * HOUR)
    assert listed(name)[3] == "4d"


def test_nobody_may_write_it_or_lift_its_timeout(name: str) -> None:
    KernelKeyring().keep(name, SecretBytes(SECRET), HOUR)
    assert listed(name)[4] == "1b0b0000"


@pytest.mark.parametrize("refused", [_SET_TIMEOUT, _SETPERM, _LINK])
def test_whatever_step_is_the_last_one_no_key_is_left_half_made(
    name: str, refused: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keyctl(*arguments: object) -> int:
        if arguments[0] == refused:
            raise OSError(errno.EIO, "refused")
        return _keyctl(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(kernel_keyring, "_keyctl", keyctl)
        with pytest.raises(OSError, match="refused"):
            KernelKeyring().keep(name, SecretBytes(SECRET), HOUR)
    assert KernelKeyring().find(name) is None


def test_a_later_daemon_reads_it_from_another_session(name: str) -> None:
    KernelKeyring().keep(name, SecretBytes(SECRET), HOUR)
    assert said(ELSEWHERE, name) == SECRET.hex()


def test_it_lies_in_the_keyring_of_the_user_alone(name: str) -> None:
    KernelKeyring().keep(name, SecretBytes(SECRET), HOUR)
    with pytest.raises(OSError, match="not available"):
        _keyctl(_SEARCH, _PROCESS_KEYRING, b"user", name.encode(), 0)


def test_a_share_that_is_used_up_is_an_error_and_leaves_nothing(name: str) -> None:
    assert said(TOO_MUCH, name) == f"{errno.EDQUOT} None"


@pytest.mark.parametrize(
    "elsewhere",
    [
        pytest.param((sys, "platform", "darwin"), id="another system"),
        pytest.param(
            (os, "uname", lambda: os.uname_result(("Linux", "h", "6", "1", "riscv64"))),
            id="another machine",
        ),
    ],
)
@pytest.mark.parametrize(
    "call",
    [
        lambda keyring: keyring.keep("x", SecretBytes(b"x"), HOUR),
        lambda keyring: keyring.find("x"),
        lambda keyring: keyring.remove("x"),
    ],
    ids=["keep", "find", "remove"],
)
def test_where_the_calls_are_not_known_that_is_the_error(
    monkeypatch: pytest.MonkeyPatch,
    elsewhere: tuple[object, str, object],
    call: Callable[[KernelKeyring], object],
) -> None:
    monkeypatch.setattr(*elsewhere)
    with pytest.raises(OSError, match="not implemented") as caught:
        call(KernelKeyring())
    assert caught.value.errno == errno.ENOSYS
