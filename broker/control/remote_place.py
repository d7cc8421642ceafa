"""Where a forwarded socket lies on the other host, which is asked once, over ssh.

It is the place at which clients there look by themselves, so that nobody need set
BROKERD_SOCKET.
"""

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import PurePosixPath

from broker.control.output import bad_usage
from brokerd_client import BrokerError

SCRIPT = """\
set -eu
umask 077
path=${1:-}
if [ -z "$path" ]; then
  own=/run/user/$(id -u)
  if [ -n "${XDG_RUNTIME_DIR:-}" ]; then place=$XDG_RUNTIME_DIR/brokerd
  elif [ -O "$own" ]; then place=$own/brokerd
  else place=${XDG_STATE_HOME:-$HOME/.local/state}/brokerd/run; fi
  mkdir -p "$place"
  chmod 700 "$place"
  if [ -s "$place/brokerd.lock" ]; then
    pid=$(tr '\\0' '\\n' <"$place/brokerd.lock" | head -n 1)
    if kill -0 "$pid" 2>/dev/null; then
      echo "a brokerd runs there already, with the pid $pid" >&2
      exit 64
    fi
  fi
  path=$place/broker.sock
fi
if [ -S "$path" ]; then rm -f "$path"; fi
printf '%s\\n' "$path"
"""
"""A shell's, on its standard input. sshd unlinks no socket that an earlier connection
has left unless its own configuration says so, hence the `rm`. The first rules are those
of `brokerd_client.paths`."""

ASK_SECONDS = 120
"""A person may have to type a passphrase, or touch a key."""


def prepared_place(
    host: str, ssh_options: Sequence[str], path: PurePosixPath | None
) -> str:
    """The path of the socket on `host`, where nothing lies any more.

    Args:
        host: as ssh knows it.
        ssh_options: for every call of ssh.
        path: the one that the person wants, or None for the usual place.

    Raises:
        BrokerError: ssh failed, or a broker runs there.
    """
    if path is not None and not path.is_absolute():
        raise bad_usage("--remote-path is absolute", "--remote-path /run/user/1000/b")
    words = ["sh", "-s", "--", *([] if path is None else [str(path)])]
    try:
        said = subprocess.run(  # noqa: S603 - ssh as the person wants it
            ["ssh", *ssh_options, host, shlex.join(words)],  # noqa: S607 - as above
            input=SCRIPT,
            stdout=subprocess.PIPE,
            text=True,
            timeout=ASK_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise _failed(host, "ssh cannot be run, or did not answer") from exc
    lines = said.stdout.split("\n")
    if said.returncode or not lines[0].startswith("/"):
        raise _failed(host, f"ssh ended with the exit code {said.returncode}")
    return lines[0]


def _failed(host: str, what: str) -> BrokerError:
    return bad_usage(
        f"{host} could not be asked where the socket is to be: {what}",
        f"see that `ssh {host} true` works, or name the place with --remote-path",
    )
