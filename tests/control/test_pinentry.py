"""The system's pinentry, spoken to: a real process, which is a fake of ours."""

import os
from pathlib import Path

import pytest

from broker.control.pinentry import Pinentry, PinentryError, escaped, unescaped
from tests.fakes.pinentry import FakePinentry


def ask(fake: FakePinentry, error: str | None = None) -> str | None:
    with Pinentry(str(fake.path)) as pinentry:
        return pinentry.ask("The store is locked.\n100% of it.", error=error)


def test_what_the_person_types_comes_back(tmp_path: Path) -> None:
    assert ask(FakePinentry.make(tmp_path, "open sesame")) == "open sesame"


def test_signs_of_every_kind_come_back_as_they_were_typed(tmp_path: Path) -> None:
    fake = FakePinentry.make(tmp_path, "a%25b%0D%0Ac é ")
    assert ask(fake) == "a%b\r\nc é "


def test_the_question_is_said_in_one_line_each_and_nothing_is_an_argument(
    tmp_path: Path,
) -> None:
    fake = FakePinentry.make(tmp_path, "x")
    ask(fake, error="wrong")
    assert fake.texts("SETDESC") == ["The store is locked.%0A100%25 of it."]
    assert fake.texts("SETTITLE") == ["brokerd"]
    assert fake.texts("SETERROR") == ["wrong"]
    assert fake.texts("SETPROMPT") == ["Passphrase:"]
    assert set(map(tuple, fake.arguments)) == {()}


def test_a_first_question_shows_no_error(tmp_path: Path) -> None:
    fake = FakePinentry.make(tmp_path, "x")
    ask(fake)
    assert fake.texts("SETERROR") == []


def test_a_terminal_is_named_where_there_may_be_no_display(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    fake = FakePinentry.make(tmp_path, "x")
    assert ask(fake) == "x"  # though this one does not know the option
    assert "ttytype=xterm" in fake.texts("OPTION")


@pytest.mark.parametrize(
    "answer", [None, "ERR 83886142 Timeout", "ERR 83886278 Fully canceled"]
)
def test_a_refusal_is_no_passphrase(tmp_path: Path, answer: str | None) -> None:
    assert ask(FakePinentry.make(tmp_path, answer)) is None


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("ERR 83918950 Inappropriate ioctl for device", "Inappropriate ioctl"),
        ("ERR", "cannot ask here"),
        ("LEAVE", "has gone"),
    ],
)
def test_one_that_cannot_ask_says_why(tmp_path: Path, answer: str, says: str) -> None:
    with pytest.raises(PinentryError, match=says):
        ask(FakePinentry.make(tmp_path, answer))


@pytest.mark.parametrize("greeting", ["S 1 no", "", "Hello"])
def test_what_does_not_greet_is_no_pinentry(tmp_path: Path, greeting: str) -> None:
    fake = FakePinentry.make(tmp_path, greeting=f"{greeting}\nERR 1 nobody")
    with pytest.raises(PinentryError, match="cannot ask here: nobody"):
        ask(fake)


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PinentryError, match="cannot be run: no such file"):
        Pinentry(str(tmp_path / "none"))


def test_one_that_is_no_longer_wanted_is_ended(tmp_path: Path) -> None:
    fake = FakePinentry.make(tmp_path, "x")
    ask(fake)
    (pid,) = fake.pids
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("text", ["", "plain", "100%", "a\r\nb", "%0A", "é"])
def test_what_is_escaped_is_read_as_it_was(text: str) -> None:
    assert "\n" not in escaped(text)
    assert unescaped(escaped(text).encode()) == text
