"""Codes that are read from the titles of windows, and windows that are closed."""

import json
import sys
from collections.abc import Callable

import pytest

from broker.control import login_titles
from broker.oauth.oob import OOB_AUTO_URI
from tests.control.conftest import Listen, Run
from tests.control.test_login import DONE, begun, shown
from tests.fakes.broker import FakeBroker, Received, http, problem_reply
from tests.fakes.windows import FakeWindows

CODE = "Success state=s&code=4/AbC - Chromium"
ADDRESS = f"{OOB_AUTO_URI}?state=s&code=4/AbC"
WORDS = ("login", "work", "--oob-auto", "--no-browser")

See = Callable[..., FakeWindows]


@pytest.fixture
def see(monkeypatch: pytest.MonkeyPatch) -> See:
    """The session has the windows that the test gives, look after look."""
    monkeypatch.setattr(login_titles, "POLL_SECONDS", 0)

    def see_these(*looks: dict[int, str]) -> FakeWindows:
        windows = FakeWindows(list(looks))
        monkeypatch.setattr(login_titles, "open_windows", lambda *_: windows)
        return windows

    return see_these


def until_answered(*refused: str) -> Callable[[Received], bytes]:
    """Pending until something is handed over that is not among `refused`."""
    taken: list[str] = []

    def answer(received: Received) -> bytes:
        if received.target == "/v1/logins":
            return begun(way="oob-auto", redirect_uri=OOB_AUTO_URI)
        if received.method == "DELETE":
            return http(204)
        if received.method == "GET":
            return DONE if taken else shown("pending")
        text = str(received.json["pasted"])
        if text in refused:
            detail = "what was pasted belongs to another login"
            return problem_reply(400, "paste_refused", detail=detail)
        taken.append(text)
        return shown("pending")

    return answer


def handed_over(broker: FakeBroker) -> list[object]:
    return [r.json["pasted"] for r in broker.requests if r.target.endswith("/response")]


def test_the_code_is_taken_from_the_title_of_a_window_that_comes(
    run: Run, listen: Listen, see: See
) -> None:
    windows = see({1: "Terminal"}, {1: "Terminal"}, {1: "Terminal", 2: CODE})
    broker = listen(until_answered())
    result = run(*WORDS)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == "signed in: work"
    assert broker.requests[0].json["way"] == "oob-auto"
    assert handed_over(broker) == [ADDRESS]
    assert (windows.closed, windows.is_released) == ([], True)


def test_the_window_that_was_opened_is_closed_on_request(
    run: Run, listen: Listen, see: See
) -> None:
    windows = see({1: "Terminal"}, {1: "Terminal", 2: CODE})
    listen(until_answered())
    assert run(*WORDS, "--close-window").exit_code == 0
    assert windows.closed == [2]


def test_a_window_that_was_there_before_has_other_tabs_and_is_left_open(
    run: Run, listen: Listen, see: See
) -> None:
    windows = see({1: "News - Chromium"}, {1: CODE})
    listen(until_answered())
    result = run(*WORDS, "--close-window")
    assert result.exit_code == 0
    assert windows.closed == []
    assert "left open: close its tab" in result.stderr


def test_a_window_that_cannot_be_closed_is_told_and_the_sign_in_stands(
    run: Run, listen: Listen, see: See
) -> None:
    see({}, {2: CODE}).cannot_close = True
    listen(until_answered())
    result = run(*WORDS, "--close-window")
    assert result.exit_code == 0
    assert "could not be closed: it does not listen" in result.stderr


def test_a_forged_title_is_passed_over_once_and_its_window_left(
    run: Run, listen: Listen, see: See
) -> None:
    forged, again = "Success state=x&code=1", "Denied error=a&state=x"
    both = {2: forged, 3: again}
    windows = see({}, both, both, {**both, 4: CODE})
    posted = [f"{OOB_AUTO_URI}?{title.split()[1]}" for title in (forged, again)]
    broker = listen(until_answered(*posted))
    result = run(*WORDS, "--close-window")
    assert handed_over(broker) == [*posted, ADDRESS]
    assert windows.closed == [4]
    assert result.stderr == (
        "brokerctl: note: the title of a window was passed over: it belongs to "
        "another login\n"
    )


def test_what_a_window_said_before_is_no_answer(
    run: Run, listen: Listen, see: See
) -> None:
    old = {1: "Success code=old"}
    see(old, old, {**old, 2: CODE})
    broker = listen(until_answered())
    assert run(*WORDS).exit_code == 0
    assert handed_over(broker) == [ADDRESS]


def test_a_session_that_goes_ends_the_login(run: Run, listen: Listen, see: See) -> None:
    windows, pending = see({}), until_answered()

    def answer(received: Received) -> bytes:
        windows.is_gone = True
        return pending(received)

    broker = listen(answer)
    result = run(*WORDS)
    assert result.exit_code == 2
    assert "titles cannot be read here: the session is gone" in result.stderr
    assert "DELETE" in [request.method for request in broker.requests]


@pytest.mark.parametrize("display", [None, ":0"])
def test_under_wayland_pasting_is_offered_before_anything_is_begun(
    run: Run, listen: Listen, monkeypatch: pytest.MonkeyPatch, display: str | None
) -> None:
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    if display:
        monkeypatch.setenv("DISPLAY", display)
    broker = listen(until_answered())
    result = run(*WORDS)
    assert result.exit_code == 2
    assert "Wayland shows no program" in result.stderr
    assert "--oob" in result.stderr
    assert "--paste" in result.stderr
    assert broker.requests == []


def test_titles_are_looked_at_for_no_other_way(run: Run, listen: Listen) -> None:
    broker = listen(until_answered())
    result = run("login", "work", "--close-window", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["code"] == "bad_request"
    assert broker.requests == []


def test_another_program_is_given_a_text_and_read() -> None:
    command = [sys.executable, "-c", "print(input()[::-1])"]
    assert login_titles._run(command, "abc\n") == "cba\n"


def test_another_program_that_fails_is_told_in_its_own_words() -> None:
    script = "import sys; sys.exit('first\\nnot allowed')"
    with pytest.raises(OSError, match=r": not allowed$"):
        login_titles._run([sys.executable, "-c", script], "")
