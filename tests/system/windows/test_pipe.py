"""The named pipe of the user: made first or not at all, and the owner's alone."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import wintypes

import pytest

from broker.host import pipe_windows, win32
from broker.model.errors import AlreadyRunningError, NotPermittedError

SID = win32.user_sid()
STRANGER = "S-1-5-21-1-2-3-1001"

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)


class Recorded:
    """kernel32, with what it was called with."""

    def __init__(self) -> None:
        self.calls: dict[str, tuple[object, ...]] = {}

    def __getattr__(self, name: str) -> object:
        real = getattr(pipe_windows._kernel32_real, name)  # type: ignore[attr-defined]

        def call(*words: object) -> object:
            self.calls[name] = words
            return real(*words)

        return call


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    real = pipe_windows._kernel32
    monkeypatch.setattr(pipe_windows, "_kernel32_real", real, raising=False)
    one = Recorded()
    monkeypatch.setattr(pipe_windows, "_kernel32", one)
    return one


@contextmanager
def instance(*, is_first: bool = True) -> Iterator[int]:
    handle = pipe_windows.make_instance(SID, is_first=is_first)
    try:
        yield handle
    finally:
        win32.close_handle(handle)


@contextmanager
def client() -> Iterator[int]:
    handle = pipe_windows.open_pipe(SID)
    try:
        yield handle
    finally:
        win32.close_handle(handle)


def test_the_name_says_whose_it_is() -> None:
    assert pipe_windows.pipe_name(SID) == rf"\\.\pipe\brokerd-{SID}"


def test_the_first_instance_is_made_as_it_must_be(recorded: Recorded) -> None:
    with instance():
        pass
    name, access, mode, most, *_, attributes = recorded.calls["CreateNamedPipeW"]
    assert name == pipe_windows.pipe_name(SID)
    # Duplex, overlapped, and the first of its name.
    assert access == 0x3 | 0x4000_0000 | 0x0008_0000
    # Bytes, and nobody from another machine.
    assert mode == 0x8
    assert most == 255
    assert attributes is not None


def test_a_further_instance_need_not_be_the_first(recorded: Recorded) -> None:
    with instance(), instance(is_first=False):
        access = recorded.calls["CreateNamedPipeW"][1]
    assert access == 0x3 | 0x4000_0000


class _NameIsTaken:
    """As Windows answers whoever must be first and is not; wine lets both have it."""

    def CreateNamedPipeW(self, *_: object) -> int | None:  # noqa: N802 - its name
        access_denied = 5
        ctypes.set_last_error(access_denied)
        return pipe_windows._INVALID_HANDLE


def test_whoever_finds_the_name_taken_leaves_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipe_windows, "_kernel32", _NameIsTaken())
    with pytest.raises(AlreadyRunningError):
        pipe_windows.make_instance(SID, is_first=True)
    with pytest.raises(PermissionError):
        pipe_windows.make_instance(SID, is_first=False)


def test_the_access_list_is_the_owners_alone_and_not_for_low_integrity() -> None:
    sddl = pipe_windows.pipe_sddl(SID)
    assert sddl == f"O:{SID}D:P(A;;GA;;;{SID})S:(ML;;NW;;;ME)"
    with instance() as handle:
        access = win32.access_of(handle)
    assert access.owner == SID
    assert access.others(SID) is None


def test_a_client_lets_itself_be_identified_and_no_more(recorded: Recorded) -> None:
    with instance(), client():
        pass
    name, rights, share, _, how, flags, _ = recorded.calls["CreateFileW"]
    assert name == pipe_windows.pipe_name(SID)
    assert (rights, share, how) == (0xC000_0000, 0, 3)
    # Overlapped; SECURITY_SQOS_PRESENT with SECURITY_IDENTIFICATION.
    assert flags == 0x4000_0000 | 0x0010_0000 | 0x0001_0000


def test_a_pipe_of_another_user_is_told_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipe_windows, "pipe_name", lambda _: r"\\.\pipe\brokerd-test")
    with instance(), pytest.raises(NotPermittedError) as caught:
        pipe_windows.open_pipe(STRANGER)
    assert SID in caught.value.what


def test_the_process_at_the_other_end_is_known() -> None:
    with instance() as server, client():
        assert pipe_windows.peer_of_pipe(server).pid == _kernel32.GetCurrentProcessId()


def test_the_user_at_the_other_end_is_known_by_its_token() -> None:
    with instance() as server, client() as other:
        sent = wintypes.DWORD()
        assert _kernel32.WriteFile(
            wintypes.HANDLE(other), b"x", 1, ctypes.byref(sent), _overlapped()
        ) or ctypes.get_last_error() in (0, 997)
        assert pipe_windows.is_owners(server, SID)
        assert not pipe_windows.is_owners(server, STRANGER)


def _overlapped() -> object:
    # OVERLAPPED: two results, an offset of eight bytes, an event; all nought.
    return (ctypes.c_void_p * 4)()
