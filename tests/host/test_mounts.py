"""Which file system a path is on."""

import sys
from pathlib import Path

import pytest

from broker.host.mounts import mounted_kind, network_kind

# The shape of proc_pid_mountinfo(5), with optional fields, a space in a name, and a
# mount over another.
TABLE = r"""22 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw
23 22 0:21 / /proc rw,nosuid shared:12 - proc proc rw
40 22 0:33 / /home rw shared:1 master:2 - nfs4 server:/home rw,vers=4.2
41 40 0:34 / /home/ada/my\040disk rw - fuse.sshfs host: rw
42 40 254:2 / /home/eve rw - ext4 /dev/vdb rw
43 42 0:35 / /home/eve rw - cifs //server/eve rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/etc/passwd", "ext4"),
        ("/home", "nfs4"),
        ("/home/ada/.local/state", "nfs4"),
        ("/homely", "ext4"),
        ("/home/ada/my disk/state", "fuse.sshfs"),
        ("/home/eve/state", "cifs"),
    ],
)
def test_the_nearest_mount_above_a_path_is_its_file_system(
    path: str, kind: str
) -> None:
    assert mounted_kind(TABLE, path) == kind


@pytest.mark.parametrize("table", ["", "\n", "nonsense\n", "1 2 3 - \n"])
def test_a_table_that_is_none_says_nothing(table: str) -> None:
    assert not mounted_kind(table, "/home")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_this_machines_own_file_systems_are_not_a_network() -> None:
    assert network_kind(Path("/proc")) is None
