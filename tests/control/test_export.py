import json
import resource
from pathlib import Path

import pytest
from google.oauth2.credentials import Credentials

from tests.control.conftest import Listen, Run
from tests.fakes.broker import Received, http, in_turn, problem_reply

GRANT: dict[str, object] = {
    "account": "home",
    "issuer": "https://accounts.google.com",
    "token_endpoint": "https://oauth2.googleapis.com/token",
    "client_id": "cid",
    "client_secret": "the-client-secret",
    "refresh_token": "the-refresh-token",
    "access_token": None,
    "scopes": ["drive"],
}


def test_a_sign_in_is_written_for_its_owner_alone(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    broker = listen(in_turn(http(200, GRANT)))
    file = tmp_path / "out.json"
    result = run("export", "home", str(file), "--yes")
    assert result.exit_code == 0, result.output
    assert broker.requests[0].target == "/v1/accounts/home/export"
    assert broker.requests[0].json == {"account": "home"}
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text()) == GRANT
    assert "the-refresh-token" not in result.output


def test_google_auth_reads_its_own_format(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    listen(in_turn(http(200, GRANT)))
    file = tmp_path / "out.json"
    run("export", "home", str(file), "--format=google-authorized-user", "--yes")
    read = Credentials.from_authorized_user_file(str(file))  # type: ignore[no-untyped-call]
    assert read.refresh_token == "the-refresh-token"
    assert read.client_secret == "the-client-secret"


def test_another_issuers_token_is_not_made_one_for_google_auth(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    listen(in_turn(http(200, {**GRANT, "token_endpoint": "https://x.example/t"})))
    file = tmp_path / "out.json"
    result = run(
        "export", "home", str(file), "--format=google-authorized-user", "--yes"
    )
    assert result.exit_code == 2
    assert not file.exists()


def test_in_a_pipe_nothing_is_written_without_yes(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    broker = listen(in_turn())
    assert run("export", "home", str(tmp_path / "out.json")).exit_code == 2
    assert broker.requests == []


@pytest.mark.usefixtures("at_terminal")
def test_at_a_terminal_it_is_asked(run: Run, listen: Listen, tmp_path: Path) -> None:
    broker = listen(in_turn())
    result = run("export", "home", str(tmp_path / "out.json"), typed="n\n")
    assert result.exit_code == 130
    assert "in plaintext" in result.stderr
    assert broker.requests == []


def test_it_goes_to_a_new_file_and_to_nothing_else(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    broker = listen(in_turn())
    there = tmp_path / "there"
    there.write_text("mine")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    for file in ("-", str(there), str(link)):
        assert run("export", "home", file, "--yes").exit_code == 2
    assert broker.requests == []
    assert there.read_text() == "mine"


def test_a_file_that_comes_in_between_is_not_written_over(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    file = tmp_path / "out.json"

    def answer(_: Received) -> bytes:
        file.write_text("mine")
        return http(200, GRANT)

    listen(answer)
    assert run("export", "home", str(file), "--yes").exit_code == 2
    assert file.read_text() == "mine"


def test_half_a_file_is_taken_away_again(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    listen(in_turn(http(200, GRANT)))
    file = tmp_path / "out.json"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
    try:
        result = run("export", "home", str(file), "--yes")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert result.exit_code == 2
    assert "file too large" in result.stderr
    assert not file.exists()


def test_a_refusal_leaves_no_file(run: Run, listen: Listen, tmp_path: Path) -> None:
    listen(in_turn(problem_reply(409, "not_exportable")))
    file = tmp_path / "out.json"
    assert run("export", "home", str(file), "--yes").exit_code == 42
    assert not file.exists()
