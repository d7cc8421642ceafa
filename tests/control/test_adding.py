"""`brokerctl add`."""

import json
from pathlib import Path

import pytest

from tests.control.conftest import Listen, Run
from tests.fakes.broker import http, in_turn, problem_reply
from tests.oauth.keys import p256, pem

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
        "--token-endpoint",
        "https://issuer.example/token",
        "--secret-in-body",
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
        "token_endpoint": "https://issuer.example/token",
        "secret_in_body": True,
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
        (CREDENTIALS, "a client shows one of --client-secret-file"),
        (("--jwt-bearer", *CREDENTIALS), "name one kind of account"),
        (("--jwt-bearer", *CREDENTIALS[1:]), "--subject is missing"),
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
        *("--scope", "drive"),
    )
    assert result.exit_code == 0, result.output
    assert broker.requests[0].json == {
        "kind": "google",
        "from": "work",
        "impersonate": "t@p.example",
        "scopes": ["drive"],
    }


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--service-account", "FILE", "--workload", "FILE"), "name one"),
        (("--workload", "FILE"), "is none for --workload"),
        (("--service-account", "FILE", "--lifetime", "soon"), "is no time"),
        (("--service-account", "/nowhere/key.json"), "cannot be read"),
    ],
)
def test_words_for_google_that_do_not_do_ask_nobody(
    run: Run, tmp_path: Path, words: tuple[str, ...], what: str
) -> None:
    file = google_file(tmp_path / "key.json", '{"type": "service_account"}')
    result = run("add", "x", *(file if word == "FILE" else word for word in words))
    assert result.exit_code == 2
    assert what in result.stderr


def test_a_private_key_is_added_and_its_file_may_go(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    file = tmp_path / "key.pem"
    file.write_text(pem(p256()))
    broker = listen(in_turn(added()))
    words = ("--private-key-file", str(file), "--key-id", "k")
    result = run(
        "add", "robot", *CREDENTIALS, *words, "--assertion-audience", "token-endpoint"
    )
    assert result.exit_code == 0, result.output
    sent = broker.requests[0].json
    assert sent["private_key"] == {"text": pem(p256()).strip(), "key_id": "k"}
    assert sent["audience"] == "token-endpoint"
    assert f"{file} is sealed in the store now" in result.stderr


@pytest.mark.usefixtures("at_terminal")
def test_the_passphrase_of_an_encrypted_key_is_asked_for(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    file = tmp_path / "key.pem"
    file.write_text(pem(p256(), "sesame"))
    broker = listen(in_turn(added()))
    words = (*CREDENTIALS, "--private-key-file", str(file))
    result = run("add", "robot", *words, typed="sesame\n")
    assert result.exit_code == 0, result.output
    sent = broker.requests[0].json["private_key"]
    assert isinstance(sent, dict)
    assert sent["passphrase"] == "sesame"
    assert "sesame" not in result.output


def test_an_encrypted_key_without_anybody_to_ask_is_told(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    file = tmp_path / "key.pem"
    file.write_text(pem(p256(), "sesame"))
    broker = listen(in_turn())
    words = (*CREDENTIALS, "--private-key-file", str(file))
    result = run("add", "robot", *words, typed="")
    assert result.exit_code == 2
    assert f"no passphrase was given: Passphrase of {file}" in result.stderr
    assert broker.requests == []


def test_a_certificate_stays_where_it_is(
    run: Run, listen: Listen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    broker = listen(in_turn(added()))
    words = ("--certificate-file", "c.pem", "--certificate-key-file", "k.pem")
    (tmp_path / "k.pem").touch(mode=0o600)
    result = run("add", "robot", *CREDENTIALS, *words)
    assert broker.requests[0].json["certificate"] == {
        "certificate": str(tmp_path / "c.pem"),
        "key": str(tmp_path / "k.pem"),
    }
    assert "may be deleted" not in result.output
    assert "everybody can read" not in result.output


def test_a_key_that_stays_where_everybody_can_read_it_is_told(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    listen(in_turn(added()))
    file = tmp_path / "both.pem"
    file.touch()
    file.chmod(0o644)
    result = run("add", "robot", *CREDENTIALS, "--certificate-file", str(file))
    assert result.exit_code == 0, result.output
    assert f"everybody can read {file}: `chmod 600`" in result.stderr


def test_a_jwt_bearer_says_for_whom(run: Run, listen: Listen, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text(pem(p256()))
    broker = listen(in_turn(added(unattended="jwt_bearer")))
    words = ("--private-key-file", str(file), "--subject", "alice")
    result = run(
        "add",
        "robot",
        "--jwt-bearer",
        *CREDENTIALS[1:],
        *words,
        "--claim",
        "tenant=7",
        "--assertion-issuer",
        "me",
    )
    assert result.exit_code == 0, result.output
    sent = broker.requests[0].json
    assert (sent["kind"], sent["subject"]) == ("jwt_bearer", "alice")
    assert (sent["claims"], sent["assertion_issuer"]) == ({"tenant": "7"}, "me")


@pytest.mark.usefixtures("at_terminal")
def test_no_key_is_typed_at_a_terminal_which_would_hide_one_line_of_it(
    run: Run, listen: Listen
) -> None:
    broker = listen(in_turn())
    result = run("add", "robot", *CREDENTIALS, "--private-key-file", "-", typed="x\n")
    assert result.exit_code == 2
    assert "a private key has many lines" in result.stderr
    assert broker.requests == []


def test_an_encrypted_key_does_not_come_with_its_passphrase(
    run: Run, listen: Listen
) -> None:
    listen(in_turn())
    words = (*CREDENTIALS, "--private-key-file", "-")
    result = run("add", "robot", *words, typed=pem(p256(), "sesame") + "sesame\n")
    assert result.exit_code == 2
    assert "name its file, and pipe in the passphrase" in result.stderr


def test_a_service_account_comes_in_from_standard_input(
    run: Run, listen: Listen
) -> None:
    broker = listen(in_turn(added(unattended="google")))
    words = ("--service-account", "-", "--scope", "drive")
    result = run("add", "robot", *words, typed='{"type": "service_account"}')
    assert broker.requests[0].json["credentials"] == '{"type": "service_account"}'
    assert "may be deleted" not in result.output
