"""`brokerctl login`: the person's side of a sign-in."""

import json
import signal
import threading
from pathlib import Path

import pytest

from tests.control.conftest import Listen, Run
from tests.fakes.broker import Answer, Received, http, in_turn, problem_reply

URL = "https://issuer.example/authorize?client_id=c&state=s"


def begun(**members: object) -> bytes:
    body: dict[str, object] = {
        "id": "L1",
        "account": "work",
        "state": "pending",
        "authorization_url": URL,
        "redirect_uri": "http://127.0.0.1:43211/",
        "expires_at": 4102444800,
        "notes": [],
    }
    return http(201, {**body, **members})


def shown(state: str, **members: object) -> bytes:
    body: dict[str, object] = {
        "id": "L1",
        "account": "work",
        "state": state,
        "scopes": ["drive"],
        "missing_scopes": [],
        "extra_scopes": [],
        "refreshable": True,
        "notes": [],
        "problem": None,
    }
    return http(200, {**body, **members})


DONE = shown("complete")
REFUSED = {
    "code": "login_refused",
    "status": 409,
    "detail": "the sign-in of 'work' was refused: access_denied",
    "hint": "choose Allow",
    "error": "access_denied",
}


def test_a_login_prints_the_url_waits_and_says_that_it_is_done(
    run: Run, listen: Listen
) -> None:
    broker = listen(in_turn(begun(), shown("pending"), DONE))
    result = run("login", "work", "--no-browser")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"Please visit this URL to authorize this application: {URL}",
        "signed in: work",
    ]
    assert result.stderr == ""
    assert [(r.method, r.target) for r in broker.requests] == [
        ("POST", "/v1/logins"),
        ("GET", "/v1/logins/L1?wait=30"),
        ("GET", "/v1/logins/L1?wait=30"),
    ]


def test_a_name_alone_sends_nothing_that_was_not_said(run: Run, listen: Listen) -> None:
    broker = listen(in_turn(begun(), DONE))
    run("login", "work")
    assert broker.requests[0].json == {"account": "work"}


def test_the_person_is_told_that_the_file_may_go_and_who_can_read_it(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    file = tmp_path / "client_secret.json"
    file.write_text("{}")
    for mode, is_open in ((0o600, False), (0o640, True), (0o604, True)):
        file.chmod(mode)
        broker = listen(in_turn(begun(), DONE))
        result = run("login", "work", "--client-secrets", str(file))
        broker.path.unlink()
        assert f"{file} is kept sealed" in result.stderr
        assert ("other users can read" in result.stderr) is is_open


def test_a_file_that_is_deleted_meanwhile_does_not_spoil_the_login(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    file = tmp_path / "client_secret.json"
    file.write_text("{}")

    def answer(received: Received) -> bytes:
        if received.method == "POST":
            return begun()
        file.unlink()
        return DONE

    listen(answer)
    result = run("login", "work", "--client-secrets", str(file))
    assert result.exit_code == 0
    assert result.exception is None
    assert "signed in: work" in result.stdout


def test_notes_and_scopes_are_told_after_the_result_on_stderr(
    run: Run, listen: Listen
) -> None:
    done = shown(
        "complete",
        notes=["made a store"],
        missing_scopes=["mail", "drive"],
        extra_scopes=["openid"],
    )
    listen(in_turn(begun(), done))
    assert run("login", "work", "--no-browser").stderr.splitlines() == [
        "brokerctl: note: made a store",
        "brokerctl: note: not granted: mail, drive",
        "brokerctl: note: granted besides: openid",
    ]


def test_where_no_browser_can_be_opened_the_person_is_asked_to(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(begun(), DONE))
    assert "open the URL yourself" in run("login", "work").stderr


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Go to {url} now", f"Go to {URL} now\n"),
        ("{0}{x}", f"{{0}}{{x}}\n{URL}\n"),  # nobody can do without the URL
        ("", f"{URL}\n"),
    ],
)
def test_the_prompt_message_is_the_persons_own(
    run: Run, listen: Listen, message: str, said: str
) -> None:
    listen(in_turn(begun(), DONE))
    result = run("login", "work", "--no-browser", "--prompt-message", message)
    assert result.stdout == f"{said}signed in: work\n"


def test_json_is_one_line_at_the_beginning_and_one_at_the_end(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(begun(), DONE))
    result = run("login", "work", "--json")
    first, last = (json.loads(line) for line in result.stdout.splitlines())
    assert first["authorization_url"] == URL
    assert first["browser_opened"] is False
    assert last["state"] == "complete"
    assert result.stderr == ""


def test_a_refusal_has_its_sentence_its_hint_and_its_exit_code(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(begun(), shown("failed", problem=REFUSED)))
    result = run("login", "work", "--no-browser")
    assert result.exit_code == 6
    assert result.stderr.splitlines() == [
        f"brokerctl: error: {REFUSED['detail']}",
        f"brokerctl: hint: {REFUSED['hint']}",
    ]
    assert "signed in" not in result.stdout


def test_a_refusal_in_json_has_all_the_facts_of_the_problem(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(begun(), shown("failed", problem=REFUSED)))
    result = run("login", "work", "--json")
    last = json.loads(result.stdout.splitlines()[-1])
    assert result.exit_code == 6
    assert last["code"] == "login_refused"
    assert last["error"] == "access_denied"


def test_a_login_that_cannot_begin_ends_with_the_brokers_error(
    run: Run, listen: Listen
) -> None:
    listen(lambda _: problem_reply(409, "port_in_use", port=8080))
    result = run("login", "work", "--port", "8080")
    assert result.exit_code == 13
    assert "the sentence of port_in_use" in result.stderr


def interrupted(cancelled: bytes | None) -> Answer:
    """Ctrl-C while the long poll waits; `cancelled` answers what comes then."""

    def answer(received: Received) -> bytes | None:
        if received.method == "POST":
            return begun()
        if received.method == "DELETE":
            return cancelled
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, signal.SIGINT)
        return None

    return answer


def test_ctrl_c_gives_the_login_up_at_the_broker_too(run: Run, listen: Listen) -> None:
    broker = listen(interrupted(http(204)))
    result = run("login", "work", "--no-browser")
    assert result.exit_code == 130
    assert result.stderr == "brokerctl: error: interrupted\n"
    assert (broker.requests[-1].method, broker.requests[-1].target) == (
        "DELETE",
        "/v1/logins/L1",
    )


def test_ctrl_c_is_ctrl_c_also_when_the_login_is_gone_already(
    run: Run, listen: Listen
) -> None:
    listen(interrupted(problem_reply(404, "unknown_login")))
    assert run("login", "work", "--no-browser").exit_code == 130


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "file:///etc/passwd", "-flag", "http://evil.example"]
)
def test_an_url_that_no_browser_should_get_is_neither_opened_nor_printed(
    run: Run, listen: Listen, url: str
) -> None:
    broker = listen(in_turn(begun(authorization_url=url), http(204)))
    result = run("login", "work", "--browser", "false %s")
    assert result.exit_code == 11
    assert url not in result.stdout
    assert broker.requests[-1].method == "DELETE"  # its port is not left open


def test_an_empty_secret_file_is_named_and_nothing_is_sent(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    broker = listen(in_turn(begun(), DONE))
    (tmp_path / "secret").write_text("\n")
    words = ["--client-id", "c", "--client-secret-file", str(tmp_path / "secret")]
    result = run("login", "work", *words)
    assert result.exit_code == 2
    assert f"{tmp_path / 'secret'} is empty" in result.stderr
    assert broker.requests == []


def test_a_sign_in_that_is_under_way_already_opens_no_second_page(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(begun(joined=True), DONE))
    result = run("login", "work", "--browser", "false %s")
    assert URL in result.stdout
    assert "no second page is opened; --again begins anew" in result.stderr


def test_ctrl_c_leaves_a_sign_in_that_somebody_else_began(
    run: Run, listen: Listen
) -> None:
    answer = interrupted(None)
    broker = listen(
        lambda one: begun(joined=True) if one.method == "POST" else answer(one)
    )
    assert run("login", "work", "--no-browser").exit_code == 130
    assert [request.method for request in broker.requests] == ["POST", "GET"]
