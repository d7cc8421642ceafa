"""`brokerctl add`."""

import json
from pathlib import Path

import pytest

from tests.control.conftest import Listen, Run
from tests.fakes.broker import http, in_turn, problem_reply

ADDED: dict[str, object] = {
    "account": "robot",
    "unattended": "client_credentials",
    "issuer": "https://issuer.example",
    "scopes": ["read"],
    "expires_at": 1_800_000_000,
    "notes": [],
}
CREDENTIALS = ("--client-credentials", "--issuer", "i", "--client-id", "c")


def added(**members: object) -> bytes:
    return http(201, {**ADDED, **members})


def test_a_client_is_added_with_its_secret_from_a_file(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("s3cret\n")
    broker = listen(in_turn(added(notes=["made a store"])))
    result = run(
        "add",
        "robot",
        *CREDENTIALS,
        "--client-secret-file",
        str(secret),
        "--scope",
        "read write",
        "--param",
        "audience=api",
    )
    assert result.exit_code == 0, result.output
    (asked,) = broker.requests
    assert (asked.method, asked.target) == ("PUT", "/v1/accounts/robot")
    assert asked.json == {
        "kind": "client_credentials",
        "issuer": "i",
        "client_id": "c",
        "client_secret": "s3cret",
        "scopes": ["read", "write"],
        "parameters": {"audience": "api"},
    }
    assert result.stdout == "added: robot at https://issuer.example\n"
    assert "made a store" in result.stderr
    assert f"{secret} is sealed in the store now: the file may be" in result.stderr
    assert "s3cret" not in result.output


def test_a_secret_comes_in_from_standard_input(run: Run, listen: Listen) -> None:
    broker = listen(in_turn(added()))
    words = ("add", "robot", *CREDENTIALS, "--client-secret-file", "-", "--json")
    result = run(*words, "--replace", typed="s3cret\n")
    assert json.loads(result.stdout) == ADDED
    assert broker.requests[0].json["client_secret"] == "s3cret"
    assert broker.requests[0].json["replace"] is True


@pytest.mark.usefixtures("at_terminal")
def test_a_secret_is_asked_for_at_a_terminal(run: Run, listen: Listen) -> None:
    broker = listen(in_turn(added()))
    words = ("add", "robot", *CREDENTIALS, "--client-secret-file", "-")
    result = run(*words, typed="s3cret\n")
    assert broker.requests[0].json["client_secret"] == "s3cret"
    assert "s3cret" not in result.output
    assert "may be deleted" not in result.output


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ((), "name one kind of account"),
        (("--client-credentials",), "--issuer is missing"),
        (CREDENTIALS, "--client-secret-file is missing"),
        ((*CREDENTIALS, "--client-secret-file", "gone"), "gone cannot be read"),
        ((*CREDENTIALS, "--client-secret-file", "-"), "standard input holds no"),
        (
            (*CREDENTIALS, "--client-secret-file", "-", "--param", "x"),
            "--param takes NAME=VALUE",
        ),
    ],
)
def test_what_is_not_whole_is_told_before_anybody_is_asked(
    run: Run, listen: Listen, words: tuple[str, ...], what: str
) -> None:
    broker = listen(in_turn())
    result = run("add", "robot", *words, typed="")
    assert result.exit_code == 2
    assert what in result.stderr
    assert broker.requests == []


def test_what_the_issuer_refuses_is_told_and_the_file_is_not_to_be_deleted(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("s3cret")
    listen(in_turn(problem_reply(502, "client_rejected")))
    words = (*CREDENTIALS, "--client-secret-file", str(secret))
    result = run("add", "robot", *words)
    assert result.exit_code == 19
    assert "may be deleted" not in result.stderr


def google_file(path: Path, text: str = "{}") -> str:
    path.write_text(text)
    return str(path)


def test_a_service_account_is_added_with_its_key(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    broker = listen(in_turn(added(unattended="google")))
    key = google_file(tmp_path / "key.json", '{"type": "service_account"}')
    boundary = google_file(tmp_path / "boundary.json", "[]")
    result = run(
        *("add", "robot", "--service-account", key, "--scope", "drive"),
        *("--subject", "a@b.example", "--impersonate", "t@p.example"),
        *("--delegate", "d@p.example", "--lifetime", "15m"),
        *("--boundary", boundary),
    )
    assert result.exit_code == 0, result.output
    (asked,) = broker.requests
    assert asked.json == {
        "kind": "google",
        "credentials": '{"type": "service_account"}',
        "scopes": ["drive"],
        "subject": "a@b.example",
        "impersonate": "t@p.example",
        "delegates": ["d@p.example"],
        "lifetime": 900,
        "boundary": "[]",
    }
    assert f"{key} is sealed in the store now: the file may be" in result.stderr
    assert "boundary.json" not in result.stderr


def test_a_workloads_configuration_is_no_secret_and_stays(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    broker = listen(in_turn(added(unattended="google")))
    file = google_file(tmp_path / "workload.json")
    result = run("add", "ci", "--workload", file, "--scope", "drive")
    assert result.exit_code == 0, result.output
    assert broker.requests[0].json["credentials"] == "{}"
    assert "may be deleted" not in result.stderr


def test_an_account_becomes_a_service_account(run: Run, listen: Listen) -> None:
    broker = listen(in_turn(added(unattended="google")))
    result = run(
        *("add", "ci", "--from", "work", "--impersonate", "t@p.example"),
        *("--scope", "drive", "--self-signed"),
    )
    assert result.exit_code == 0, result.output
    assert broker.requests[0].json == {
        "kind": "google",
        "from": "work",
        "impersonate": "t@p.example",
        "scopes": ["drive"],
        "self_signed": True,
    }


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--service-account", "FILE", "--workload", "FILE"), "name one"),
        (("--service-account", "FILE", "--lifetime", "soon"), "is no time"),
        (("--service-account", "/nowhere/key.json"), "cannot be read"),
    ],
)
def test_words_for_google_that_do_not_do_ask_nobody(
    run: Run, tmp_path: Path, words: tuple[str, ...], what: str
) -> None:
    file = google_file(tmp_path / "key.json")
    result = run("add", "x", *(file if word == "FILE" else word for word in words))
    assert result.exit_code == 2
    assert what in result.stderr
