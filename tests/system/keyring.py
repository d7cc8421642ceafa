"""A real GNOME Keyring on a D-Bus of the person's own, without a display."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tests.system.person import Person

# D-Bus as on a server: it starts no keyring, for it knows none.
_NO_SERVICES = """<!DOCTYPE busconfig PUBLIC
 "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <policy context="default">
    <allow send_destination="*"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""

_SAY_AND_STAY = 'echo "$$ $DBUS_SESSION_BUS_ADDRESS"; exec sleep infinity'


@contextmanager
def session_bus(person: Person, *, services: bool = True) -> Iterator[None]:
    """The person's commands find a D-Bus, which starts the keyring if asked.

    Args:
        person: whose session it is; a daemon that runs is of another one.
        services: whether the D-Bus knows how to start a keyring.
    """
    words = ["dbus-run-session"]
    if not services:
        config = person.home.parent / "bus.conf"
        config.write_text(_NO_SERVICES)
        words.append(f"--config-file={config}")
    process = person.start(*words, "--", "sh", "-c", _SAY_AND_STAY)
    assert process.stdout
    pid, _, address = process.stdout.readline().strip().partition(" ")
    person.session["DBUS_SESSION_BUS_ADDRESS"] = address
    try:
        yield
    finally:
        del person.session["DBUS_SESSION_BUS_ADDRESS"]
        # What the session was made for ends, and with it the session.
        os.kill(int(pid), signal.SIGTERM)
        person.finish(process)


def log_in(person: Person) -> None:
    """What the desktop does at a login: make the keyring, or open the one there is.

    In place of one that D-Bus has started meanwhile, which is locked.
    """
    command = "gnome-keyring-daemon --replace --unlock --components=secrets"
    said = person.run("sh", "-c", f"printf hunter2 | {command}")
    assert said.status == 0, said


def lock(person: Person) -> None:
    """What the desktop does when the person locks the keyring."""
    said = person.run(
        *("dbus-send", "--session", "--print-reply=literal"),
        *("--dest=org.freedesktop.secrets", "/org/freedesktop/secrets"),
        "org.freedesktop.Secret.Service.Lock",
        "array:objpath:/org/freedesktop/secrets/aliases/default",
    )
    assert said.status == 0, said


def pid_of_keyring(person: Person) -> int:
    """Of the one that answers on the D-Bus of the session."""
    said = person.run(
        *("dbus-send", "--session", "--print-reply=literal"),
        *("--dest=org.freedesktop.DBus", "/org/freedesktop/DBus"),
        "org.freedesktop.DBus.GetConnectionUnixProcessID",
        "string:org.freedesktop.secrets",
    )
    assert said.status == 0, said
    return int(said.output.split()[-1])
