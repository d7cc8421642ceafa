"""The door of `brokerd`."""

import gc
import os
import sys

import pytest

from broker.__main__ import main


def brokerd(monkeypatch: pytest.MonkeyPatch, *words: str) -> object:
    """Runs it with `words`; the exit code."""
    monkeypatch.setattr(sys, "argv", ["brokerd", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_help_names_the_options_and_the_sandbox(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert brokerd(monkeypatch, "--help") == 0
    said = capsys.readouterr().out
    for word in (
        "--log-level",
        "--ready-fd",
        "--no-front",
        "--version",
        "brokerd sandbox",
    ):
        assert word in said


def test_the_version_is_the_distributions(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert brokerd(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.startswith("brokerd 0.")


@pytest.mark.parametrize(
    "words",
    [
        ["--log-level", "loud"],
        ["--ready-fd", "x"],
        ["--no-such"],
        ["serve"],
        ["--config", "x"],
    ],
)
def test_a_word_that_it_does_not_know_starts_nothing(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    assert brokerd(monkeypatch, *words) == 2
    assert capsys.readouterr().err.startswith("usage: brokerd ")


def test_what_would_weaken_the_daemon_is_dropped_before_anything_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("OAUTHLIB_INSECURE_TRANSPORT", "SSLKEYLOGFILE", "BROWSER")
    for name in names:
        monkeypatch.setenv(name, "x")
    assert brokerd(monkeypatch, "--no-such") == 2
    assert [name for name in names if name in os.environ] == []


def test_garbage_is_looked_for_once_all_is_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    brokerd(monkeypatch, "--no-such")
    assert gc.isenabled()


def test_sandbox_has_words_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert brokerd(monkeypatch, "sandbox", "--help") == 0
    assert "--access-ttl" in capsys.readouterr().out
