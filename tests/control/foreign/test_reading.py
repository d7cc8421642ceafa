import os
from pathlib import Path

import pytest

from broker.control.foreign.found import ForeignFileError
from broker.control.foreign.reading import (
    LARGEST_BYTES,
    ForeignFile,
    Unreadable,
    known_files,
    read_file,
    shown,
)
from broker.model.secret import Secret
from tests.control.foreign import samples


def put(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)
    return path


def test_a_home_with_eight_planted_tokens_has_eight(tmp_path: Path) -> None:
    gcloud, config = tmp_path / ".config/gcloud", tmp_path / ".config"
    put(tmp_path / "token.json", samples.token_json())
    put(tmp_path / "token.pickle", samples.token_pickle())
    put(gcloud / "application_default_credentials.json", samples.adc())
    put(gcloud / "credentials.db", samples.credentials_db("alice@example.com"))
    put(tmp_path / ".oauth2l", samples.oauth2l())
    put(config / "gh/hosts.yml", samples.GH)
    put(config / "glab-cli/config.yml", samples.GLAB)
    put(config / "rclone/rclone.conf", samples.RCLONE)
    put(tmp_path / ".oidc-agent/acc", samples.OIDC_AGENT)
    put(tmp_path / ".oidc-agent/issuer.config", b"https://issuer.example acc\n")
    files = list(known_files({"HOME": str(tmp_path)}))
    assert all(isinstance(file, ForeignFile) for file in files)
    found = [f for file in files if isinstance(file, ForeignFile) for f in file.found]
    assert sum(one.is_plain for one in found) == 8
    assert sum(one.is_sealed for one in found) == 1


def test_the_tools_own_variables_say_where_their_files_are(tmp_path: Path) -> None:
    put(tmp_path / "gh/hosts.yml", samples.GH)
    conf = put(tmp_path / "my.conf", samples.RCLONE)
    environ = {
        "HOME": str(tmp_path / "nobody"),
        "GH_CONFIG_DIR": str(tmp_path / "gh"),
        "RCLONE_CONFIG": str(conf),
    }
    assert [file.tool.name for file in known_files(environ)] == ["gh", "rclone"]


def test_a_broken_file_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    put(tmp_path / "token.json", b"{")
    put(tmp_path / ".oauth2l", samples.oauth2l())
    broken, read = known_files({"HOME": str(tmp_path)})
    assert isinstance(broken, Unreadable)
    assert isinstance(read, ForeignFile)


def test_mcp_remotes_two_files_are_one_sign_in(tmp_path: Path) -> None:
    folder = tmp_path / ".mcp-auth/mcp-remote-v1"
    put(folder / "abc_tokens.json", samples.MCP_TOKENS)
    put(folder / "abc_client_info.json", samples.MCP_CLIENT)
    (file,) = known_files({"HOME": str(tmp_path)})
    assert isinstance(file, ForeignFile)
    assert [found.client_id for found in file.found] == ["cid"]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    put(tmp_path / "real.json", samples.token_json())
    (tmp_path / "token.json").symlink_to(tmp_path / "real.json")
    with pytest.raises(ForeignFileError, match="is a link"):
        read_file(tmp_path / "token.json", None, None)


def test_what_is_no_file_or_too_large_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "token.json")
    with pytest.raises(ForeignFileError, match="is no file"):
        read_file(tmp_path / "token.json", None, None)
    with (tmp_path / "token.pickle").open("wb") as file:
        file.truncate(LARGEST_BYTES + 1)
    with pytest.raises(ForeignFileError, match="too large"):
        read_file(tmp_path / "token.pickle", None, None)
    with pytest.raises(ForeignFileError, match="no such file"):
        read_file(tmp_path / "gone", None, None)


def test_a_file_of_nobodys_form_asks_for_its_tool(tmp_path: Path) -> None:
    with pytest.raises(ForeignFileError, match="--as"):
        read_file(put(tmp_path / "saved", b"hello\n"), None, None)


@pytest.mark.parametrize(
    ("mode", "folder", "readers"),
    [
        (0o600, 0o755, "you"),
        (0o640, 0o755, "group"),
        (0o644, 0o755, "everyone"),
        (0o644, 0o700, "you"),
        (0o644, 0o750, "group"),
    ],
)
def test_who_can_read_a_file_is_decided_by_its_folders_too(
    tmp_path: Path, mode: int, folder: int, readers: str
) -> None:
    for above in (tmp_path, *tmp_path.parents):
        if above.stat().st_uid == os.geteuid() and above.name.startswith("pytest"):
            above.chmod(0o755)
    tmp_path.chmod(0o755)
    file = put(tmp_path / "home/token.json", samples.token_json(), mode)
    file.parent.chmod(folder)
    read = read_file(file, None, None)
    assert (read.readers, read.mode) == (readers, mode)
    assert read.owner == os.geteuid()


def test_of_a_linked_folder_the_real_one_decides_who_can_read(tmp_path: Path) -> None:
    for above in (tmp_path, *tmp_path.parents):
        if above.stat().st_uid == os.geteuid() and above.name.startswith("pytest"):
            above.chmod(0o755)
    tmp_path.chmod(0o755)
    put(tmp_path / "open/hosts.yml", samples.GH, 0o644).parent.chmod(0o755)
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "gh").symlink_to(tmp_path / "open")
    assert read_file(home / "gh/hosts.yml", None, None).readers == "everyone"


def test_a_name_that_rewrites_a_terminal_is_shown_without_that() -> None:
    assert shown(Path("/h/x\x1b]0;evil\x07\ny")) == "/h/x ]0;evil  y"


def test_the_credentials_that_programs_use_are_known(tmp_path: Path) -> None:
    key = put(tmp_path / "keys/robot", samples.SERVICE_ACCOUNT)
    environ = {"HOME": str(tmp_path), "GOOGLE_APPLICATION_CREDENTIALS": str(key)}
    (file,) = known_files(environ)
    assert isinstance(file, ForeignFile)
    assert (file.path, file.tool.name) == (key, "google-auth")


def test_a_file_is_shown_without_what_is_in_it(tmp_path: Path) -> None:
    file = read_file(put(tmp_path / "token.json", samples.token_json()), None, None)
    assert samples.TOKEN not in repr(file)
    assert file.data == Secret(samples.token_json().decode())
