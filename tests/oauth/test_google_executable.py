"""Programs that give a workload's token: what to run, and what they say."""

import json
from typing import Any

import pytest

from broker.model.errors import CredentialFileError
from broker.model.secret import Secret
from broker.model.time import Seconds, UnixTime
from broker.oauth.google_executable import (
    ExecutableAnswerError,
    parse_executable,
    parse_executable_answer,
)
from tests.services.google import IAM, POOL, TARGET, workload_file

JWT = "urn:ietf:params:oauth:token-type:jwt"
SOURCE = {"command": "/usr/bin/idp --for 'my app'", "output_file": "/run/me/token.json"}
NOW = UnixTime(1000.0)


def config(executable: object = SOURCE, **members: object) -> str:
    return workload_file({"executable": executable}, **members)


def answer(**changes: object) -> bytes:
    said: dict[str, Any] = {
        "version": 1,
        "success": True,
        "token_type": JWT,
        "id_token": "eyJ.of-the.platform",
        "expiration_time": 1300,
        **changes,
    }
    return json.dumps(said).encode()


def test_it_is_run_as_googles_libraries_do_and_no_shell_is_asked() -> None:
    becomes = f"{IAM}{TARGET}:generateAccessToken"
    made = parse_executable(config(service_account_impersonation_url=becomes))
    assert made.words == ("/usr/bin/idp", "--for", "my app")
    assert (made.seconds, made.output) == (Seconds(30), "/run/me/token.json")
    assert made.environment == {
        "GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE": POOL,
        "GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE": JWT,
        "GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE": "0",
        "GOOGLE_EXTERNAL_ACCOUNT_REVOKE": "0",
        "GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE": "/run/me/token.json",
        "GOOGLE_EXTERNAL_ACCOUNT_IMPERSONATED_EMAIL": TARGET,
    }


def test_nobody_is_waited_for_for_ever() -> None:
    slow = {**SOURCE, "timeout_millis": 10**9}
    assert parse_executable(config(slow)).seconds == Seconds(120)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (config({"command": "/bin/x"}), "name an 'output_file'"),
        (config({**SOURCE, "output_file": "token"}), "no absolute path"),
        (config({**SOURCE, "command": "it's"}), "is no command"),
        (config({**SOURCE, "command": ""}), "is no command"),
        (config({**SOURCE, "command": ["x"]}), "is no command"),
        (config({**SOURCE, "timeout_millis": "soon"}), "is no number"),
        (config({**SOURCE, "timeout_millis": 0}), "is no number"),
        (config("/bin/x"), "name an 'output_file'"),
        (config(token_url="https://evil.example/"), "not Google's"),
        (workload_file({"file": "/run/token"}), "runs no program"),
        ("{", "no JSON"),
    ],
)
def test_what_cannot_be_run_is_said(text: str, what: str) -> None:
    with pytest.raises(CredentialFileError, match=what):
        parse_executable(text)


def test_what_it_says_is_a_token_and_until_when() -> None:
    found = parse_executable_answer(answer(), NOW)
    assert found.token == Secret("eyJ.of-the.platform")
    assert found.expires_at == UnixTime(1300)
    saml = {"token_type": "urn:ietf:params:oauth:token-type:saml2", "id_token": None}
    found = parse_executable_answer(answer(**saml, saml_response="<r/>"), NOW)
    assert found.token == Secret("<r/>")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "it is no JSON"),
        (b"[" * 100_000, "it is no JSON"),
        (b"[]", "no answer of the version 1"),
        (answer(version=2), "no answer of the version 1"),
        (answer(success=False), "it refused, and did not say why"),
        (answer(success=False, code="401", message="no\x1b[2J"), "it refused (401: no"),
        (answer(success="yes"), "it refused"),
        (answer(token_type="surprise"), "no token of a type that is known"),
        (answer(id_token=""), "no token of a type that is known"),
        (answer(id_token={"a": 1}), "no token of a type that is known"),
        (answer(expiration_time=None), "does not say when the token expires"),
        (answer(expiration_time=True), "does not say when the token expires"),
        (answer(expiration_time=1000), "its token has expired"),
    ],
)
def test_what_is_no_living_token_is_said_without_it(data: bytes, what: str) -> None:
    with pytest.raises(ExecutableAnswerError) as caught:
        parse_executable_answer(data, NOW)
    assert what in caught.value.what
    assert "eyJ" not in caught.value.what
    assert "\x1b" not in caught.value.what
