"""Host names of a test's own: a daemon in a mount namespace with its own /etc/hosts."""

import pwd
from dataclasses import dataclass
from pathlib import Path

from tests.system.person import USER

_ENTER = """
mount --bind "$1" /etc/hosts
mount --bind "$2" /etc/nsswitch.conf
shift 2
exec setpriv --reuid="$0" --regid="$0" --init-groups "$@"
"""


@dataclass(frozen=True)
class PrivateNames:
    """The only names that there are; nobody is asked for others."""

    hosts: Path
    switch: Path

    def set(self, *names: str) -> None:
        """Let exactly these names be loopback's."""
        # In place: what is mounted is the file, not its path.
        self.hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in names))

    def wrapper(self) -> list[str]:
        """Words that run a command as the person where these names hold."""
        uid = str(pwd.getpwnam(USER).pw_uid)
        return [
            *("unshare", "--mount", "--propagation", "private"),
            *("sh", "-e", "-c", _ENTER, uid, str(self.hosts), str(self.switch)),
        ]


def private_names(folder: Path, *names: str) -> PrivateNames:
    """The files, in `folder`."""
    made = PrivateNames(folder / "hosts", folder / "nsswitch.conf")
    made.switch.write_text("passwd: files\ngroup: files\nhosts: files\n")
    made.set("localhost", *names)
    return made
