"""What libproc is asked on macOS, argument by argument, and how its answer is read."""

import ctypes
import struct

from broker.host.peer_facts import PeerLooker
from broker.host.peer_facts_macos import BSD_INFO, MacOS
from broker.model.peer import Peer
from broker.model.peer_facts import Certainty, Known, PeerFacts

PEER = Peer(uid=501, pid=312)
TOKEN = struct.pack("=8I", 501, 501, 20, 501, 20, 312, 100, 77)


class Socket:
    def __init__(self, token: bytes | None = TOKEN) -> None:
        self.token = token

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        # sys/un.h: SOL_LOCAL 0, LOCAL_PEERTOKEN 0x006; audit_token_t has 32 bytes.
        assert (level, optname, buflen) == (0, 6, 32)
        if self.token is None:
            raise OSError
        return self.token


class Libproc:
    """Answers as the library would, and holds what it was asked against libproc.h."""

    def __init__(self, path: bytes = b"/usr/bin/curl", *, device: int = 0) -> None:
        self.path = path
        self.device = device

    def proc_pidpath_audittoken(self, token: object, buffer: object, size: int) -> int:
        assert isinstance(token, ctypes.Array)
        assert isinstance(buffer, ctypes.Array)
        assert bytes(token) == TOKEN
        assert size == ctypes.sizeof(buffer) == 4096
        ctypes.memmove(buffer, self.path, len(self.path))
        return len(self.path)

    def proc_pidinfo(
        self, pid: int, flavor: int, arg: object, buffer: object, size: int
    ) -> int:
        assert isinstance(arg, ctypes.c_uint64)
        assert isinstance(buffer, ctypes.Array)
        assert (pid, flavor, arg.value) == (312, 3, 0)
        assert size == ctypes.sizeof(buffer) == 136
        info = BSD_INFO.pack(b"curl", self.device, 1_800_000_000, 250_000)
        ctypes.memmove(buffer, info, size)
        return size


def look(libproc: object, connected: Socket | None = None) -> PeerFacts:
    system = MacOS(libproc)  # type: ignore[arg-type]  # one lacks a function
    return PeerLooker(system).look(connected or Socket(), PEER)


def test_a_process_is_told_by_its_token() -> None:
    assert look(Libproc()) == PeerFacts(
        uid=501,
        pid=312,
        pid_certainty=Certainty.FACT,
        started=1_800_000_000_250_000,
        executable=Known("/usr/bin/curl", Certainty.CLAIM),
        command=Known("curl", Certainty.CLAIM),
    )


def test_a_terminal_is_named_by_its_device() -> None:
    assert look(Libproc(device=0x1000_0003)).tty == Known("ttys003", Certainty.CLAIM)
    assert look(Libproc(device=0x0400_0003)).tty == Known("4:3", Certainty.CLAIM)
    assert look(Libproc(device=0xFFFF_FFFF)).tty is None


def test_a_token_whose_process_has_ended_or_executed_another_has_exited() -> None:
    assert look(Libproc(b"")) == PeerFacts(uid=501, pid=312, has_exited=True)


def test_a_process_that_is_remembered_is_asked_for_by_its_token_again() -> None:
    libproc = Libproc()
    looker = PeerLooker(MacOS(libproc))
    connected = Socket()
    assert looker.label(connected, PEER).executable is not None
    libproc.path = b""
    assert looker.label(connected, PEER).has_exited


def test_a_system_without_tokens_or_the_function_tells_the_uid_and_the_number() -> None:
    alone = PeerFacts(uid=501, pid=312)
    assert look(Libproc(), Socket(None)) == alone
    assert look(Libproc(), Socket(b"short")) == alone
    assert look(object()) == alone
