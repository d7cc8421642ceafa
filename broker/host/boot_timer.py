"""One timer of the boot clock for one wait: nobody wakes up before it is over.

A timer of the event loop stands still while the machine is suspended. This one does
not: it does not wake the machine, and is over at once when something else does.

Source: timerfd_create(2); Python has it from 3.13 on.
"""

import asyncio
import ctypes
import os
import sys

from broker.model.time import Seconds

assert sys.platform == "linux"  # noqa: S101 - tells mypy, too

_BOOTTIME = 7
"""CLOCK_BOOTTIME."""


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("value", _TimeSpec))


async def boot_wait(seconds: Seconds) -> None:
    """Return when so much of the boot clock has passed.

    Args:
        seconds: more than 0.

    Raises:
        OSError: there is no timer to be had, such as for want of descriptors.
    """
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    timer = _timer(seconds)
    try:
        loop.add_reader(timer, over.set)
        await over.wait()
    finally:
        loop.remove_reader(timer)
        os.close(timer)


def _timer(seconds: Seconds) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    timer: int = libc.timerfd_create(_BOOTTIME, os.O_CLOEXEC | os.O_NONBLOCK)
    if timer < 0:
        raise _fault()
    whole, rest = divmod(seconds, 1)
    spec = _TimerSpec(value=_TimeSpec(int(whole), int(rest * 1e9) + 1))
    if libc.timerfd_settime(timer, 0, ctypes.byref(spec), None) != 0:
        fault = _fault()
        os.close(timer)
        raise fault
    return timer


def _fault() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
