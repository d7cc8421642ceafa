"""This operating system: the one place that knows which it is. One file a subject.

What `doctor` alone looks at, `host.premises`, is imported from there.
"""

from broker.host.clock import SystemClock
from broker.host.kernel_keyring import KernelKeyring
from broker.host.lock import HeldLock, hold_lock
from broker.host.memory import give_back_code, proportional_set_kib
from broker.host.paths import config_directory, runtime_directory, state_directory
from broker.host.persons_file import read_persons_file
from broker.host.place import Place, take_place
from broker.host.private import ensure_private_directory
from broker.host.process import harden, scrub_environment
from broker.host.service_manager import inherited_sockets, notify, watchdog_interval
from broker.host.sockets import ADMIN_BACKLOG, bind_private_socket, peer_of
from broker.host.trust import CLIENT_CERTIFICATE, Shown, Trust, expiry_fault
from broker.host.watch import forget_events, watch

__all__ = [
    "ADMIN_BACKLOG",
    "CLIENT_CERTIFICATE",
    "HeldLock",
    "KernelKeyring",
    "Place",
    "Shown",
    "SystemClock",
    "Trust",
    "bind_private_socket",
    "config_directory",
    "ensure_private_directory",
    "expiry_fault",
    "forget_events",
    "give_back_code",
    "harden",
    "hold_lock",
    "inherited_sockets",
    "notify",
    "peer_of",
    "proportional_set_kib",
    "read_persons_file",
    "runtime_directory",
    "scrub_environment",
    "state_directory",
    "take_place",
    "watch",
    "watchdog_interval",
]
