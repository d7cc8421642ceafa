"""`brokerctl workload-token`."""

import json
import shlex
import stat
import sys
import time
from pathlib import Path

import pytest

from tests.control.conftest import Run
from tests.services.google import POOL, workload_file

JWT = "urn:ietf:params:oauth:token-type:jwt"
TOKEN = "eyJ.of-the.platform"
ANSWER = {"version": 1, "success": True, "token_type": JWT, "id_token": TOKEN}


@pytest.fixture(autouse=True)
def _nowhere(runtime: Path) -> None:
    """Apart from whatever else runs on this machine."""


def configured(tmp_path: Path, program: str, **executable: object) -> Path:
    """A configuration whose program is this Python code."""
    script = tmp_path / "idp.py"
    script.write_text("import json, os, sys, time\n" + program)
    command = shlex.join((sys.executable, "-I", str(script), "a b"))
    source = {"command": command, "output_file": str(tmp_path / "out.json")}
    file = tmp_path / "workload.json"
    file.write_text(workload_file({"executable": {**source, **executable}}))
    file.chmod(0o600)
    return file


def says(**members: object) -> str:
    end = int(time.time()) + 600
    return f"print({json.dumps({**ANSWER, 'expiration_time': end, **members})!r})"


def test_its_answer_lies_where_the_daemon_reads_it(run: Run, tmp_path: Path) -> None:
    program = (
        "told = {k: v for k, v in os.environ.items() if k.startswith('GOOGLE_EXT')}\n"
        "print(json.dumps([sys.argv[1:], told]), file=open('told', 'w'))\n"
    )
    program = program.replace("'told'", repr(str(tmp_path / "told")))
    output = tmp_path / "out.json"
    result = run("workload-token", str(configured(tmp_path, program + says())), "--yes")
    assert result.exit_code == 0, result.output
    assert json.loads(output.read_text())["id_token"] == TOKEN
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert f"written: {output}\n" in result.stdout
    assert "run this again before that" in result.stderr
    assert TOKEN not in result.output
    words, told = json.loads((tmp_path / "told").read_text())
    assert words == ["a b"]
    assert told["GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE"] == POOL
    left = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert left == {"idp.py", "workload.json", "out.json", "told"}


def test_in_json_it_says_until_when(run: Run, tmp_path: Path) -> None:
    file = configured(tmp_path, says(expiration_time=4_000_000_000))
    result = run("workload-token", str(file), "--yes", "--json")
    assert json.loads(result.stdout) == {
        "file": str(tmp_path / "out.json"),
        "expires_at": 4_000_000_000,
    }


def test_nothing_is_run_that_nobody_has_agreed_to(run: Run, tmp_path: Path) -> None:
    file = configured(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'w')")
    result = run("workload-token", str(file))
    assert result.exit_code == 2
    assert "say --yes where it is meant" in result.stderr
    assert not (tmp_path / "ran").exists()


@pytest.mark.usefixtures("at_terminal")
def test_a_terminal_is_shown_what_would_be_run(run: Run, tmp_path: Path) -> None:
    file = configured(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'w')")
    result = run("workload-token", str(file), typed="n\n")
    assert result.exit_code != 0
    assert f"Run `{sys.executable} -I " in result.stderr
    assert "'a b'`?" in result.stderr
    assert not (tmp_path / "ran").exists()


@pytest.mark.usefixtures("at_terminal")
def test_nothing_is_hidden_of_what_would_be_run(run: Run, tmp_path: Path) -> None:
    file = configured(tmp_path, "", command=f"/bin/x {'a' * 500} \x1b[2Jtail")
    result = run("workload-token", str(file), typed="n\n")
    assert "[2Jtail'`?" in result.stderr
    assert "\x1b" not in result.stderr


def test_a_file_that_others_can_write_runs_nothing(run: Run, tmp_path: Path) -> None:
    file = configured(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'w')")
    file.chmod(0o666)
    result = run("workload-token", str(file), "--yes")
    assert result.exit_code == 2
    assert "others can write it" in result.stderr
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("program", "what"),
    [
        ("sys.exit(3)", "it ended with status 3"),
        ("print('hello')", "of what it said: it is no JSON"),
        (says(success=False, code="7", message="no"), "it refused (7: no)"),
        (says(expiration_time=5), "its token has expired"),
        ("time.sleep(60)", "it has not ended within 0.001 s"),
    ],
)
def test_what_gives_no_token_leaves_the_last_one_there(
    run: Run, tmp_path: Path, program: str, what: str
) -> None:
    output = tmp_path / "out.json"
    output.write_text("the last one")
    file = configured(tmp_path, program, **_quick(program))
    result = run("workload-token", str(file), "--yes")
    assert result.exit_code == 19
    assert what in result.stderr
    assert output.read_text() == "the last one"


def _quick(program: str) -> dict[str, int]:
    return {"timeout_millis": 1} if "sleep" in program else {}


def test_a_program_that_is_not_there_is_said(run: Run, tmp_path: Path) -> None:
    file = configured(tmp_path, "", command="/nowhere/idp")
    result = run("workload-token", str(file), "--yes")
    assert result.exit_code == 19
    assert "/nowhere/idp gave no token: it cannot be run" in result.stderr


@pytest.mark.parametrize(
    ("name", "what"),
    [("gone.json", "is not there"), ("other.json", "its source runs no program")],
)
def test_a_file_that_names_no_program_is_said(
    run: Run, tmp_path: Path, name: str, what: str
) -> None:
    other = tmp_path / "other.json"
    other.write_text(workload_file({"file": "/run/token"}))
    other.chmod(0o600)
    result = run("workload-token", str(tmp_path / name), "--yes")
    assert result.exit_code == 2
    assert what in result.stderr


def test_a_place_that_cannot_be_written_is_said(run: Run, tmp_path: Path) -> None:
    file = configured(tmp_path, says(), output_file=str(tmp_path / "no/out.json"))
    result = run("workload-token", str(file), "--yes")
    assert result.exit_code == 2
    assert "no such file" in result.stderr
