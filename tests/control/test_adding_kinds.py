"""The kinds of `brokerctl add`: no option is left lying."""

from pathlib import Path

import pytest
from click.testing import Result

from tests.control.conftest import Listen, Run
from tests.fakes.broker import in_turn

SECRET = ("--issuer", "i", "--client-id", "c", "--client-secret-file", "FILE")
CLIENT = ("--client-credentials", *SECRET)
KEY = ("--service-account", "FILE", "--scope", "drive")


@pytest.mark.parametrize(
    ("words", "stray"),
    [
        ((*CLIENT, "--subject", "ann"), "--subject"),
        ((*CLIENT, "--audience", "api"), "--audience"),
        ((*CLIENT, "--from", "work"), "--from"),
        ((*CLIENT, "--self-signed"), "--self-signed"),
        ((*CLIENT, "--impersonate", "t@p.example"), "--impersonate"),
        (("--jwt-bearer", *SECRET, "--lifetime", "1m"), "--lifetime"),
        ((*KEY, "--client-id", "c"), "--client-id"),
        ((*KEY, "--param", "a=b"), "--param"),
        ((*KEY, "--allow-wider"), "--allow-wider"),
        ((*KEY, "--from", "work"), "--from"),
        (("--workload", "FILE", "--self-signed"), "--self-signed"),
        (("--from", "work", "--boundary", "FILE", "--claim", "a=b"), "--claim"),
        (("--from", "work", "--exchange", "--subject", "ann"), "--subject"),
        # A file that nobody took was said to be sealed, and might have been deleted.
        (("--from", "work", "--private-key-file", "FILE"), "--private-key-file"),
    ],
)
def test_an_option_of_another_kind_is_told_and_nobody_is_asked(
    run: Run, listen: Listen, tmp_path: Path, words: tuple[str, ...], stray: str
) -> None:
    broker = listen(in_turn())
    result = _run(run, tmp_path, words)
    assert result.exit_code == 2
    assert f"has no use for {stray}" in result.stderr
    assert "hint: it takes " in result.stderr
    assert "may be deleted" not in result.output
    assert broker.requests == []


@pytest.mark.parametrize(
    "words",
    [
        (*KEY, "--jwt-bearer"),
        (*KEY, "--workload", "FILE"),
        (*CLIENT, "--exchange"),
        ("--impersonate", "t@p.example"),
        ("--scope", "drive"),
    ],
)
def test_an_account_is_of_one_kind(
    run: Run, listen: Listen, tmp_path: Path, words: tuple[str, ...]
) -> None:
    broker = listen(in_turn())
    result = _run(run, tmp_path, words)
    assert result.exit_code == 2
    assert "name one kind of account: --client-credentials, --exchange" in result.stderr
    assert broker.requests == []


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        (("--key-id", "k"), "--private-key-file"),
        (("--assertion-audience", "token-endpoint"), "--private-key-file"),
        (("--certificate-key-file", "FILE"), "--certificate-file"),
    ],
)
def test_an_option_that_says_more_of_another_one_needs_that(
    run: Run, listen: Listen, tmp_path: Path, words: tuple[str, ...], missing: str
) -> None:
    listen(in_turn())
    result = _run(run, tmp_path, (*CLIENT, *words))
    assert result.exit_code == 2
    assert f"{words[0]} needs {missing}" in result.stderr


def _run(run: Run, tmp_path: Path, words: tuple[str, ...]) -> Result:
    file = tmp_path / "file"
    file.write_text("s3cret")
    return run("add", "x", *(str(file) if word == "FILE" else word for word in words))
