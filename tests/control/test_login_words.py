"""The words of `brokerctl login`: what is sent of them, and what is refused here."""

from pathlib import Path

import pytest

from tests.control.conftest import Listen, Run
from tests.fakes.broker import http, in_turn

BEGUN = http(
    201,
    {
        "id": "L1",
        "authorization_url": "https://issuer.example/authorize?client_id=c",
        "notes": [],
    },
)
DONE = http(200, {"id": "L1", "state": "complete", "notes": [], "problem": None})


def test_every_word_that_was_said_is_sent(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    broker = listen(in_turn(BEGUN, DONE))
    words = [
        *("--issuer", "https://issuer.example", "--client-id", "c"),
        *("--mcp", "https://mcp.example/mcp"),
        *("--resource", "https://api.example/"),
        *("--client-secret-file", str(secret)),
        *("--scope", "a b", "--scope", "c"),
        *("--add-scope", "d e", "--add-scope", "f"),
        *("--prompt", "login", "--max-age", "0", "--acr-values", "2fa", "--hd", "*"),
        *("--param", "hd=example.com", "--param", "x=a=b", "--param", "empty="),
        *("--login-hint", "alice", "--redirect-uri", "http://localhost:1/cb"),
        *("--response-mode", "form_post"),
        *("--host", "localhost", "--bind", "127.0.0.1", "--port", "0"),
        *("--dpop", "--again", "--other-person", "--accept-issuer"),
        *("--timeout", "60", "--success-message", "Done."),
    ]
    assert run("login", "work", *words).exit_code == 0
    assert broker.requests[0].json == {
        "account": "work",
        "issuer": "https://issuer.example",
        "mcp": "https://mcp.example/mcp",
        "resource": "https://api.example/",
        "client_id": "c",
        "client_secret": "s3cret",
        "scopes": ["a", "b", "c"],
        "parameters": {
            "hd": "*",
            "x": "a=b",
            "empty": "",
            "prompt": "login",
            "max_age": "0",
            "acr_values": "2fa",
        },
        "login_hint": "alice",
        "dpop": True,
        "redirect": {
            "host": "localhost",
            "bind": "127.0.0.1",
            "port": 0,
            "uri": "http://localhost:1/cb",
            "mode": "form_post",
        },
        "again": True,
        "other_person": True,
        "accept_issuer": True,
        "add_scopes": ["d", "e", "f"],
        "success_message": "Done.",
        "timeout": 60,
    }


def test_the_text_of_the_client_secrets_file_is_sent_without_a_byte_order_mark(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    file = tmp_path / "client_secret.json"
    file.write_bytes(b'\xef\xbb\xbf{"installed": {}}')
    broker = listen(in_turn(BEGUN, DONE))
    run("login", "work", "--client-secrets", str(file))
    assert broker.requests[0].json["client_secrets"] == '{"installed": {}}'


def test_no_dpop_is_said_too_and_nothing_of_it_where_neither_was_said(
    run: Run, listen: Listen
) -> None:
    broker = listen(in_turn(BEGUN, DONE, BEGUN, DONE))
    run("login", "work", "--no-dpop")
    run("login", "work")
    begun = [r.json for r in broker.requests if r.method == "POST"]
    assert [body.get("dpop", "unsaid") for body in begun] == [False, "unsaid"]


@pytest.mark.parametrize("way", ["paste", "oob", "oob-auto", "device"])
def test_a_form_comes_to_a_listener_alone(run: Run, listen: Listen, way: str) -> None:
    broker = listen(in_turn())
    result = run("login", "work", f"--{way}", "--response-mode", "form_post")
    assert result.exit_code == 2
    assert f"--{way} and --response-mode form_post do not go together" in result.stderr
    assert broker.requests == []


@pytest.mark.parametrize("param", ["novalue", "=x", ""])
def test_a_parameter_without_name_or_sign_is_bad_usage(
    run: Run, listen: Listen, param: str
) -> None:
    broker = listen(in_turn())
    result = run("login", "work", "--param", param)
    assert result.exit_code == 2
    assert "--param takes NAME=VALUE" in result.stderr
    assert broker.requests == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: no such file or directory"),
        (b"\xff\xfe", "is not a text file"),
        (b"x" * 65537, "is too large"),
    ],
)
def test_a_file_that_cannot_be_it_is_told_before_anything_is_sent(
    run: Run, listen: Listen, tmp_path: Path, content: bytes | None, said: str
) -> None:
    broker = listen(in_turn())
    file = tmp_path / "client_secret.json"
    if content is not None:
        file.write_bytes(content)
    result = run("login", "work", "--client-secrets", str(file))
    assert result.exit_code == 2
    assert said in result.stderr
    assert broker.requests == []


def test_a_directory_is_not_a_file(run: Run, listen: Listen, tmp_path: Path) -> None:
    listen(in_turn())
    result = run("login", "work", "--client-secrets", str(tmp_path))
    assert result.exit_code == 2
    assert "is a directory" in result.stderr
