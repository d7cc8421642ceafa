import json
import os
import stat
from pathlib import Path

import pytest

from broker.model.errors import DirectoryUnsafeError, StoreFailedError
from broker.sandbox.registration import (
    new_or_same_client,
    verify_folder,
    write_client_secrets,
)

ISSUER = "http://127.0.0.1:1"


def test_the_file_has_googles_installed_shape(tmp_path: Path) -> None:
    client = new_or_same_client(tmp_path)
    path = write_client_secrets(tmp_path, client, ISSUER)
    assert client.client_secret is not None
    assert json.loads(path.read_text()) == {
        "installed": {
            "client_id": "brokerd-sandbox",
            "project_id": "brokerd-sandbox",
            "auth_uri": f"{ISSUER}/authorize",
            "token_uri": f"{ISSUER}/token",
            "client_secret": client.client_secret.reveal(),
            "redirect_uris": ["http://localhost"],
        }
    }


def test_nobody_else_can_read_the_file(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        path = write_client_secrets(tmp_path, new_or_same_client(tmp_path), ISSUER)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["client_secret.json"]


def test_a_restart_keeps_the_secret(tmp_path: Path) -> None:
    client = new_or_same_client(tmp_path)
    write_client_secrets(tmp_path, client, ISSUER)
    assert new_or_same_client(tmp_path) == client


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"installed": {"client_id": "somebody.else", "client_secret": "s"}}',
        '{"installed": {"client_id": "brokerd-sandbox", "client_secret": 7}}',
        '{"installed": {"client_id": "brokerd-sandbox", "client_secret": "theirs"}}',
    ],
)
def test_a_file_that_is_not_ours_is_not_believed(tmp_path: Path, content: str) -> None:
    (tmp_path / "client_secret.json").write_text(content)
    secret = new_or_same_client(tmp_path).client_secret
    assert secret is not None
    assert secret.reveal().startswith("sandbox-secret-")


def test_a_missing_folder_is_made_for_the_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "sandbox"
    verify_folder(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(DirectoryUnsafeError, match="others can write"):
        verify_folder(tmp_path)


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DirectoryUnsafeError, match="not a folder"):
        verify_folder(tmp_path / "file")


def test_a_disk_that_refuses_is_said(tmp_path: Path) -> None:
    (tmp_path / "client_secret.json").mkdir()
    client = new_or_same_client(tmp_path)
    with pytest.raises(StoreFailedError, match=r"client_secret\.json"):
        write_client_secrets(tmp_path, client, ISSUER)
    assert [entry.name for entry in tmp_path.iterdir()] == ["client_secret.json"]
