import json
from pathlib import Path

from tests.control.conftest import Run
from tests.control.foreign import samples
from tests.control.foreign.test_reading import put


def a_home(tmp_path: Path) -> None:
    put(tmp_path / "token.json", samples.token_json(), 0o644)
    put(tmp_path / ".config/rclone/rclone.conf", samples.RCLONE)
    put(tmp_path / ".oidc-agent/acc", samples.OIDC_AGENT)
    put(tmp_path / "token.pickle", b"\x80\x04broken")


def test_tokens_are_listed_with_who_can_read_them(run: Run, tmp_path: Path) -> None:
    a_home(tmp_path)
    result = run("scan")
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert [row[:3] for row in rows] == [
        ["google-auth", "alice@example.com", "plaintext"],
        ["oidc-agent", "acc", "sealed"],
        ["rclone", "gd", "plaintext"],
    ]
    assert [row[4] for row in rows] == ["0644", "0600", "0600"]
    assert "2 in plaintext" in result.stderr
    assert "token.pickle" in result.stderr
    assert samples.TOKEN not in result.output


def test_the_list_in_json_has_no_token_either(run: Run, tmp_path: Path) -> None:
    a_home(tmp_path)
    said = json.loads(run("scan", "--json").stdout)
    assert said["plaintext"] == 2
    assert {file["tool"] for file in said["files"]} == {
        "google-auth",
        "oidc-agent",
        "rclone",
    }
    assert [one["tool"] for one in said["unreadable"]] == ["google-auth"]
    assert samples.TOKEN not in json.dumps(said)
    assert samples.SECRET not in json.dumps(said)


def test_a_file_name_rewrites_no_terminal(run: Run, tmp_path: Path) -> None:
    put(tmp_path / ".oidc-agent/a\x1b]0;evil\x07", samples.OIDC_AGENT)
    put(tmp_path / ".oidc-agent/b\x1b[2J", b"broken")
    said = run("scan").output
    assert "evil" in said
    assert "\x1b" not in said


def test_what_lies_in_the_keyring_is_no_token_of_the_file(
    run: Run, tmp_path: Path
) -> None:
    put(tmp_path / ".config/gh/hosts.yml", b"github.com:\n    user: alice\n")
    result = run("scan")
    assert result.stdout.split("\t")[:3] == ["gh", "alice@github.com", "none"]
    assert "0 in plaintext" in result.stderr


def test_a_home_without_any_is_told(run: Run) -> None:
    result = run("scan")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "0 in plaintext\n"
