"""The agent asks about programs, in whichever way there is, and once."""

import json
from collections.abc import Sequence
from pathlib import Path
from threading import Event

import pytest
from click.testing import Result

from broker.control import watch
from tests.control.conftest import Listen, Run
from tests.control.questions import ANSWERED, ASKED, QUESTION
from tests.fakes.broker import Received, http, problem_reply

HELLO = {"event": "listening", "at": 0}
PATIENCE = 30
URL = "http://127.0.0.1:43211/question/abc"


class Daemon:
    """Asks one question, and goes on once it is answered."""

    def __init__(self, listen: Listen) -> None:
        self.streams: list[list[object]] = [[HELLO, ASKED], [HELLO]]
        self.waits_for_answer = True
        self.answered = Event()
        self.broker = listen(self._answer)

    @property
    def answers(self) -> list[dict[str, object]]:
        return [
            one.json for one in self.broker.requests if "answer" in one.body.decode()
        ]

    def _answer(self, received: Received) -> bytes:
        if received.target == "/v1/events":
            return self._stream()
        if received.target == "/v1/questions":
            return http(200, {"questions": [QUESTION]})
        self.answered.set()
        if received.target.endswith("/page"):
            return http(201, {"url": URL})
        return http(200, {"id": QUESTION["id"], "answer": "once"})

    def _stream(self) -> bytes:
        if not self.streams:
            if self.waits_for_answer:
                assert self.answered.wait(PATIENCE)
            return problem_reply(403, "not_permitted")
        lines = self.streams.pop(0)
        return http(200, text="".join(f"{json.dumps(one)}\n" for one in lines))


@pytest.fixture
def daemon(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    monkeypatch.setattr(watch, "RECONNECT_SECONDS", 0)
    daemon = Daemon(listen)
    daemon.streams = [[HELLO, ASKED]]
    return daemon


def a_script(folder: Path, text: str) -> Path:
    script = folder / "asker"
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o700)
    return script


def agent(run: Run, *words: str) -> Result:
    result = run("agent", *words)
    assert result.exit_code == 22, result.output
    return result


def test_the_command_reads_the_question_and_what_it_writes_is_the_answer(
    run: Run, daemon: Daemon, tmp_path: Path
) -> None:
    script = a_script(tmp_path, f'cat > "{tmp_path}/heard"; echo "$1"')
    agent(run, "--ask", "command", "--command", f"'{script}' session")
    assert daemon.answers == [{"answer": "session"}]
    assert json.loads((tmp_path / "heard").read_text()) == QUESTION


@pytest.mark.usefixtures("daemon")
def test_no_shell_is_between(run: Run, tmp_path: Path) -> None:
    script = a_script(tmp_path, f'printf %s "$1" > "{tmp_path}/heard"; echo deny')
    agent(run, "--command", f"{script} '$(id);x'")
    assert (tmp_path / "heard").read_text() == "$(id);x"


def test_a_command_is_ended_where_somebody_else_has_answered(
    run: Run, daemon: Daemon, tmp_path: Path
) -> None:
    daemon.streams = [[HELLO, ASKED, ANSWERED]]
    daemon.waits_for_answer = False
    script = a_script(tmp_path, "exec sleep 3600")
    agent(run, "--command", str(script))
    assert daemon.answers == []


def test_a_command_that_cannot_be_run_is_told_with_what_to_do(
    run: Run, daemon: Daemon
) -> None:
    daemon.waits_for_answer = False
    result = agent(run, "--command", "/nonexistent/asker")
    assert "brokerctl approve" in result.stderr
    assert "no such file" in result.stderr


def test_where_there_is_nothing_the_person_is_sent_to_the_terminal(
    run: Run, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    daemon.waits_for_answer = False
    result = agent(run)
    assert "there is no session bus here; no browser can be opened here" in (
        result.stderr
    )
    assert "May curl have an access token of work?" in result.stderr


def test_the_page_is_opened_where_notifications_have_no_buttons(
    run: Run, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    opened = Event()
    shown: list[str] = []

    def open_browser(url: str, browser: str | None) -> bool:
        assert browser is None
        shown.append(url)
        opened.set()
        return True

    monkeypatch.setattr("broker.control.agent_page.open_browser", open_browser)
    monkeypatch.setenv("BROWSER", "true")
    agent(run)
    assert opened.wait(PATIENCE)
    assert shown == [URL]
    assert daemon.broker.requests[-2].target == "/v1/questions/0a1b2c3d/page"


def test_a_question_is_asked_once_though_it_is_told_twice(
    run: Run, daemon: Daemon, tmp_path: Path
) -> None:
    daemon.streams = [[HELLO, ASKED, ASKED]]
    script = a_script(tmp_path, f'echo x >> "{tmp_path}/runs"; echo once')
    agent(run, "--command", str(script))
    assert daemon.answers == [{"answer": "once"}]


@pytest.mark.parametrize(
    "words",
    [
        ["--ask", "command"],
        ["--ask", "page", "--command", "x"],
        ["--ask", "notification", "--command", "x"],
        ["--command", "'x"],
    ],
)
def test_options_that_do_not_go_together_are_refused(
    run: Run, words: Sequence[str]
) -> None:
    assert run("agent", *words).exit_code == 2
