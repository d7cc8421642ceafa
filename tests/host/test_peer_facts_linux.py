"""Real processes at the other end, asked of this kernel."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from broker.host.peer_facts import PeerLooker
from broker.host.peer_facts_linux import SO_PEERPIDFD
from broker.host.sockets import peer_of
from broker.model.peer import Peer
from broker.model.peer_facts import Certainty, Known, PeerFacts

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="of Linux alone")

CONNECT = "import socket,sys;s=socket.socket(1);s.connect(sys.argv[1]);"
WAIT = "sys.stdin.read()"


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@dataclass
class Connected:
    process: subprocess.Popen[bytes]
    socket: socket.socket

    def look(self) -> PeerFacts:
        return PeerLooker().look(self.socket, peer_of(self.socket))


@contextmanager
def peer(folder: Path, *words: str) -> Iterator[Connected]:
    """A program that connects to the socket whose path is its last word."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "s"))
        (folder / "s").chmod(0o777)
        listening.listen()
        listening.settimeout(60)
        command = [*words, str(folder / "s")]
        with subprocess.Popen(  # noqa: S603 - ours
            command, stdin=subprocess.PIPE
        ) as process:
            accepted, _ = listening.accept()
            with accepted:
                yield Connected(process, accepted)
            process.kill()


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "ask.py"
    path.write_text(CONNECT + WAIT)
    return path


def test_a_script_is_told_as_a_guess_behind_its_interpreter(
    tmp_path: Path, script: Path
) -> None:
    with peer(tmp_path, sys.executable, str(script)) as connected:
        facts = connected.look()
    assert facts.uid == os.geteuid()
    assert facts.pid == connected.process.pid
    assert facts.pid_certainty is Certainty.FACT
    assert facts.executable == Known(os.path.realpath(sys.executable), Certainty.CLAIM)
    assert facts.command is not None
    assert facts.script == Known(str(script), Certainty.GUESS)
    assert facts.label == "ask.py"
    assert not facts.has_exited


def test_a_process_that_was_killed_has_exited_and_nothing_else_is_told_of_it(
    tmp_path: Path, script: Path
) -> None:
    with peer(tmp_path, sys.executable, str(script)) as connected:
        connected.process.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, connected.process.pid, os.WEXITED | os.WNOWAIT)
        as_corpse = connected.look()
        connected.process.wait()
        when_buried = connected.look()
    gone = PeerFacts(uid=os.geteuid(), pid=connected.process.pid, has_exited=True)
    assert [as_corpse, when_buried] == [gone, gone]


def test_one_that_executes_another_program_is_told_as_that_program(
    tmp_path: Path,
) -> None:
    # What cannot be stopped: the connection may be in the hands of a helper, too.
    becomes = (
        "import os;os.set_inheritable(s.fileno(),True);"
        "os.execv('/bin/sleep',['s','100'])"
    )
    program = CONNECT + "sys.stdin.buffer.raw.read(1);" + becomes
    with peer(tmp_path, sys.executable, "-c", program) as connected:
        assert connected.look().label != "sleep"
        looker = PeerLooker()
        before = looker.label(connected.socket, peer_of(connected.socket))
        assert connected.process.stdin is not None
        connected.process.stdin.write(b"x")
        connected.process.stdin.flush()
        wait_for_exec(connected.process.pid, "sleep")
        assert connected.look().label == "sleep"
        # The audit keeps to what the process was when it was first seen.
        assert looker.label(connected.socket, peer_of(connected.socket)) == before
        looker.close()


def wait_for_exec(pid: int, name: str) -> None:
    while Path(f"/proc/{pid}/comm").read_text().strip() != name:
        pass


def test_a_hostile_name_is_made_safe_to_show(tmp_path: Path) -> None:
    name = "\x1b[2K\u202e)('"
    program = (
        "import ctypes;ctypes.CDLL(None).prctl(15,"
        f"{name.encode()!r},0,0,0);" + CONNECT + WAIT
    )
    with peer(tmp_path, sys.executable, "-c", program) as connected:
        facts = connected.look()
    assert facts.command == Known(" [2K )('", Certainty.CLAIM, is_whole=False)
    assert facts.script is None


def test_a_program_that_lies_under_a_hostile_path_is_shown_on_one_line(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "a\nb\x1b"
    folder.mkdir()
    (folder / "sh\u200b").symlink_to(sys.executable)
    program = folder / "p"
    program.write_text(CONNECT + WAIT)
    with peer(tmp_path, sys.executable, str(program)) as connected:
        facts = connected.look()
    assert facts.script is not None
    assert facts.script.value.endswith("/a b /p")


class Options:
    """A socket of an older kernel, or of a machine with AppArmor."""

    def __init__(self, connected: socket.socket, label: bytes | None = None) -> None:
        self._connected = connected
        self._label = label

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        if optname == SO_PEERPIDFD:
            raise OSError
        if self._label is not None and optname == 31:
            return self._label
        return self._connected.getsockopt(level, optname, buflen)


def test_on_an_older_kernel_the_process_is_looked_up_by_its_number_as_a_claim() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        facts = PeerLooker().look(Options(ours), peer_of(ours))
    assert facts.pid == os.getpid()
    assert facts.pid_certainty is Certainty.CLAIM
    assert not facts.has_exited


def test_a_label_of_a_snap_is_told() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        options = Options(ours, b"snap.firefox.firefox (enforce)\0")
        facts = PeerLooker().look(options, peer_of(ours))
    assert facts.snap == Known("firefox.firefox", Certainty.CLAIM)


def test_a_peer_whose_number_we_cannot_see_is_its_uid_alone() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        facts = PeerLooker().look(ours, Peer(uid=1000, pid=None))
    assert facts == PeerFacts(uid=1000)


def test_looking_leaves_no_descriptor_open_and_a_label_one(tmp_path: Path) -> None:
    with peer(tmp_path, sys.executable, "-c", CONNECT + WAIT) as connected:
        before = open_descriptors()
        looker = PeerLooker()
        looker.look(connected.socket, peer_of(connected.socket))
        assert open_descriptors() == before
        looker.label(connected.socket, peer_of(connected.socket))
        looker.label(connected.socket, peer_of(connected.socket))
        assert open_descriptors() == before + 1
        looker.close()
        assert open_descriptors() == before


def test_without_descriptors_a_peer_is_its_uid_and_its_number() -> None:
    import resource  # noqa: PLC0415 - of POSIX alone

    ours, theirs = socket.socketpair()
    looker = PeerLooker()
    peer = peer_of(ours)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (ours.fileno(), limits[1]))
    try:
        facts = looker.look(ours, peer)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        ours.close()
        theirs.close()
    assert facts == PeerFacts(uid=peer.uid, pid=peer.pid)


def test_a_program_whose_file_was_replaced_meanwhile_keeps_its_name(
    tmp_path: Path,
) -> None:
    program = tmp_path / "sleep"
    shutil.copy("/bin/sleep", program)
    becomes = f"import os;os.execv({str(program)!r},['s','100'])"
    with peer(tmp_path, sys.executable, "-c", CONNECT + becomes) as connected:
        wait_for_exec(connected.process.pid, "sleep")
        program.unlink()
        assert connected.look().executable == Known(str(program), Certainty.CLAIM)
