import base64
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.model.errors import KeySourceUnavailableError, LockedError
from broker.store.keys.systemd_credential import SystemdCredential

KEY = bytes(range(224, 256))


def handed(folder: Path, contents: bytes) -> SystemdCredential:
    path = folder / "brokerd-key"
    path.write_bytes(contents)
    path.chmod(0o400)
    return SystemdCredential(str(folder))


@pytest.mark.parametrize(
    "contents",
    [
        pytest.param(KEY, id="32 bytes"),
        pytest.param(base64.b64encode(KEY), id="base64"),
        pytest.param(base64.b64encode(KEY) + b"\n", id="a line of base64"),
        pytest.param(base64.urlsafe_b64encode(KEY).rstrip(b"="), id="base64url"),
    ],
)
def test_the_key_is_taken_in_either_form(tmp_path: Path, contents: bytes) -> None:
    source = handed(tmp_path, contents)
    assert source.recall("{}").reveal() == KEY
    assert source.make(bytes, bytes(16)).key.reveal() == KEY


@pytest.mark.parametrize(
    "contents",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(KEY[:31], id="too short"),
        pytest.param(KEY + b"\n", id="32 bytes and a newline"),
        pytest.param(base64.b64encode(KEY[:16]), id="base64 of 16 bytes"),
        pytest.param(KEY.hex().encode(), id="hex"),
        pytest.param(base64.b64encode(KEY) * 9, id="too long"),
    ],
)
def test_what_is_no_key_is_refused_and_not_shown(
    tmp_path: Path, contents: bytes
) -> None:
    source = handed(tmp_path, contents)
    with pytest.raises(LockedError, match="not a key") as locked:
        source.recall("{}")
    with pytest.raises(KeySourceUnavailableError, match="not a key"):
        source.make(bytes, bytes(16))
    assert not contents or contents.decode("latin-1") not in str(locked.value)


@pytest.mark.parametrize("folder", [None, ""])
def test_without_a_unit_that_names_one_there_is_no_key(folder: str | None) -> None:
    with pytest.raises(LockedError, match="not started by a unit that names one"):
        SystemdCredential(folder).recall("{}")


def let_others_read(path: Path) -> None:
    path.chmod(0o404)


def put_a_pipe_there(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def put_a_folder_there(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (let_others_read, "not this daemon's alone"),
        (put_a_pipe_there, "not a regular file"),
        (put_a_folder_there, "not a regular file"),
    ],
)
def test_a_file_that_no_service_manager_leaves_is_refused(
    tmp_path: Path, spoil: Callable[[Path], None], says: str
) -> None:
    source = handed(tmp_path, KEY)
    spoil(tmp_path / "brokerd-key")
    with pytest.raises(LockedError, match=says):
        source.recall("{}")


def test_the_groups_rights_of_an_access_list_are_no_fault(tmp_path: Path) -> None:
    source = handed(tmp_path, KEY)
    (tmp_path / "brokerd-key").chmod(0o440)
    assert source.recall("{}").reveal() == KEY
