"""Runs a function as an ordinary user, in tests that run as root."""

import os
import sys
import traceback
from collections.abc import Callable

OTHER_UID = 54321


def as_other_user(deed: Callable[[], None]) -> int:
    """The exit status of a child process that did `deed` as another user."""
    return wait_for(start_as_other_user(deed))


def start_as_other_user(deed: Callable[[], None]) -> int:
    """The pid of the child; the caller waits for it."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.setresgid(OTHER_UID, OTHER_UID, OTHER_UID)
        os.setresuid(OTHER_UID, OTHER_UID, OTHER_UID)
        deed()
        status = 0
    except BaseException:  # noqa: BLE001 - the child must end here, whatever happened
        traceback.print_exc(file=sys.__stderr__)
    finally:
        os._exit(status)


def wait_for(pid: int) -> int:
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)
