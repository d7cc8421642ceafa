"""Others who come to a person's sockets, and a host that one is forwarded to."""

import json
import os
import pwd
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.system.person import BIN, USER, Said, own
from tests.system.waiting import wait_until

NOBODY = 65534
GROUP = ("games", 60)
"""One of Debian's that is there everywhere and that nobody is in."""

_ASK = """
import json, os, socket, sys
path, bound = sys.argv[1], sys.argv[2]
connection = socket.socket(socket.AF_UNIX)
if bound:
    connection.bind(bound)
try:
    connection.connect(path)
except OSError as exc:
    print(json.dumps({"refused": exc.errno}))
    sys.exit()
connection.sendall(b"POST /v1/token HTTP/1.1\\r\\nHost: b\\r\\n"
                   b"Connection: close\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
said = b""
while part := connection.recv(65536):
    said += part
print(said.partition(b"\\r\\n\\r\\n")[2].decode())
"""


def as_user(uid: int, gid: int, groups: Sequence[int] = ()) -> list[str]:
    """Words before a command that is to run so."""
    others = f"--groups={','.join(map(str, groups))}" if groups else "--clear-groups"
    return ["setpriv", f"--reuid={uid}", f"--regid={gid}", others]


STRANGER = as_user(NOBODY, NOBODY)
MEMBER = as_user(NOBODY, NOBODY, [GROUP[1]])


def asks(
    before: Sequence[str], path: Path | str, bound: Path | str = ""
) -> dict[str, object]:
    """What a program that is run so is answered at `path`; it sends no byte of ours.

    Args:
        before: see `as_user`.
        path: of the socket.
        bound: a name for its own end, or ''.
    """
    said = run(before, str(BIN / "python"), "-c", _ASK, str(path), str(bound))
    answer: dict[str, object] = json.loads(said.output)
    return answer


def run(before: Sequence[str], *words: str, **environment: str) -> Said:
    """A command of somebody else's, to its end."""
    ended = subprocess.run(
        [*before, *words],
        env={"PATH": f"{BIN}:/usr/bin:/bin", "LANG": "C.UTF-8", **environment},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Said(ended.returncode, ended.stdout, ended.stderr)


def person_in(group: int) -> list[str]:
    """Words before a command of the person's, who is in that group, too."""
    entry = pwd.getpwnam(USER)
    return as_user(entry.pw_uid, entry.pw_gid, [group])


@dataclass(frozen=True)
class FarHost:
    """Another user, whom a real sshd lets in.

    Attributes:
        options: for ssh, so that it gets there.
        host: its name.
        home: of the user there.
        user: their name.
    """

    options: tuple[str, ...]
    host: str
    home: Path
    user: str

    def run(self, *words: str) -> Said:
        """A command there, without an environment to speak of, as cron runs it."""
        before = as_user(self.uid, self.uid)
        return run(before, *words, HOME=str(self.home), USER=self.user)

    @property
    def uid(self) -> int:
        """Of the user, and the number of the group that is theirs alone."""
        return pwd.getpwnam(self.user).pw_uid


@contextmanager
def far_host(place: Path, port: int) -> Iterator[FarHost]:
    """A user who exists for as long, and an sshd on this machine that knows a key."""
    user = f"{USER}-far"
    key, host_key, config = place / "key", place / "host_key", place / "sshd_config"
    Path("/run/sshd").mkdir(exist_ok=True)
    for path in (key, host_key):
        _do("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path))
    own(key)
    authorized = place / "authorized"
    authorized.write_text(key.with_suffix(".pub").read_text())
    config.write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {host_key}\nUsePAM no\n"
        f"AuthorizedKeysFile {authorized}\nStrictModes no\nPasswordAuthentication no\n"
        "PidFile none\n"
    )
    subprocess.run(["userdel", "-r", user], capture_output=True, check=False)
    # Not locked, as sshd would have it, and with no password that opens it.
    _do("useradd", "--create-home", "--shell", "/bin/bash", "--password", "*", user)
    log = (place / "sshd.log").open("w")
    sshd = subprocess.Popen(
        ["/usr/sbin/sshd", "-D", "-e", "-f", str(config)], stderr=log
    )
    options = (
        *("-p", str(port), "-i", str(key), "-l", user, "-F", "none"),
        *("-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no"),
        *("-o", "LogLevel=ERROR", "-o", "BatchMode=yes"),
    )
    try:
        wait_until(lambda: "listening" in (place / "sshd.log").read_text(), "sshd")
        yield FarHost(options, "127.0.0.1", Path(pwd.getpwnam(user).pw_dir), user)
    finally:
        sshd.terminate()
        sshd.wait()
        log.close()
        # Whatever of theirs still runs would keep userdel from it.
        subprocess.run(["userdel", "-r", "-f", user], capture_output=True, check=False)


def _do(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


def free_port() -> int:
    """Of loopback; nobody else is asked to leave it free."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def open_to_all(*paths: Path) -> None:
    """As somebody with the rights of root might have done by mistake."""
    for path in paths:
        path.chmod(0o777)
        assert os.access(path, os.W_OK)
