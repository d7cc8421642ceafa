"""`brokerctl accounts`, `default` and `logout`."""

import json

import pytest

import broker.control.accounts as commands
from tests.control.conftest import Listen, Run
from tests.fakes.broker import http, in_turn, problem_reply

WORK: dict[str, object] = {
    "account": "work",
    "issuer": "https://issuer.example",
    "client_id": "c",
    "state": "live",
    "scopes": ["drive", "mail"],
    "subject": None,
    "granted_at": 1_800_000_000,
    "refreshable": True,
    "default": True,
    "ended_because": None,
    "unattended": None,
}
HOME = {
    **WORK,
    "account": "home",
    "state": "signed_out",
    "scopes": [],
    "default": False,
}


def accounts(*listed: object, default: str | None = None) -> bytes:
    return http(200, {"accounts": list(listed), "default": default})


def test_accounts_are_lines_with_tabs_in_a_pipe(run: Run, listen: Listen) -> None:
    listen(in_turn(accounts(HOME, WORK, default="work")))
    result = run("accounts")
    assert result.exit_code == 0
    home, work = (line.split("\t") for line in result.stdout.splitlines())
    assert home[:4] == ["home", "-", "signed out", "https://issuer.example"]
    assert home[-1] == "-"
    assert work[:2] == ["work", "*"]
    assert work[4:6] == ["person", "-"]
    assert work[6].startswith("2027-01-15 ")
    assert work[-1] == "drive mail"


def test_an_account_without_a_person_says_of_which_kind_it_is(
    run: Run, listen: Listen
) -> None:
    robot = {**WORK, "unattended": "client_credentials"}
    listen(in_turn(accounts(robot)))
    assert "\tclient credentials\t" in run("accounts").stdout


@pytest.mark.parametrize(
    ("name", "email", "shown"),
    [
        ("Robin", "r@x.example", "Robin <r@x.example>"),
        ("Robin", None, "Robin"),
        (None, "r@x.example", "r@x.example"),
        (None, None, "-"),
    ],
)
def test_an_account_says_who_has_signed_in(
    run: Run, listen: Listen, name: str | None, email: str | None, shown: str
) -> None:
    listen(in_turn(accounts({**WORK, "name": name, "email": email})))
    assert run("accounts").stdout.split("\t")[5] == shown


def test_no_accounts_are_told_on_stderr_with_the_next_step(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(accounts()))
    result = run("accounts")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "brokerctl login" in result.stderr


def test_accounts_in_json_are_the_brokers_own_answer(run: Run, listen: Listen) -> None:
    listen(in_turn(accounts(WORK, default="work")))
    answer = json.loads(run("accounts", "--json").stdout)
    assert answer == {"accounts": [WORK], "default": "work"}


def test_the_default_is_shown(run: Run, listen: Listen) -> None:
    listen(in_turn(accounts(WORK, default="work"), accounts(WORK)))
    assert run("default").stdout == "work\n"
    result = run("default")
    assert (result.stdout, result.stderr) == ("", "no default account\n")


@pytest.mark.parametrize(
    ("words", "sent"),
    [(["work"], {"account": "work"}), (["--none"], {"account": None})],
)
def test_the_default_is_chosen(
    run: Run, listen: Listen, words: list[str], sent: dict[str, object]
) -> None:
    broker = listen(in_turn(http(200, {"default": sent["account"]})))
    assert run("default", *words, "--json").exit_code == 0
    assert broker.requests[0].method == "PUT"
    assert broker.requests[0].json == sent


def test_a_name_and_none_contradict_each_other(run: Run, listen: Listen) -> None:
    broker = listen(in_turn())
    assert run("default", "work", "--none").exit_code == 2
    assert broker.requests == []


@pytest.mark.parametrize(
    ("words", "target"),
    [
        ([], "/v1/accounts/a%2Bb%40example.com"),
        (["--local-only"], "/v1/accounts/a%2Bb%40example.com?local_only=true"),
        (
            ["--local-only", "--keep-sign-in"],
            "/v1/accounts/a%2Bb%40example.com?local_only=true&keep_sign_in=true",
        ),
        (
            ["--require-revoked"],
            "/v1/accounts/a%2Bb%40example.com?require_revoked=true",
        ),
    ],
)
def test_a_log_out_names_the_account_and_what_is_to_stay(
    run: Run, listen: Listen, words: list[str], target: str
) -> None:
    broker = listen(in_turn(http(200, {"account": "x", "revoked": False, "left": []})))
    assert run("logout", "a+b@example.com", *words).exit_code == 0
    assert (broker.requests[0].method, broker.requests[0].target) == ("DELETE", target)


def test_a_log_out_says_whether_it_was_revoked_and_what_is_left(
    run: Run, listen: Listen
) -> None:
    left = ["the grant still stands", "the sign-in is kept"]
    listen(
        in_turn(
            http(200, {"account": "work", "revoked": True, "left": []}),
            http(200, {"account": "work", "revoked": False, "left": left}),
        )
    )
    assert run("logout", "work").stdout == ("signed out: work, revoked at the issuer\n")
    result = run("logout", "work")
    assert result.stdout == "signed out: work\n"
    assert result.stderr.splitlines() == [f"brokerctl: note: {one}" for one in left]


def left_behind(**members: object) -> bytes:
    answer = {"account": "work", "revoked": False, "pending": True, "left": []}
    return http(200, {**answer, **members})


def test_a_log_out_that_is_revoked_later_is_no_failure(
    run: Run, listen: Listen
) -> None:
    left = ["the grant still stands: `brokerctl pending` lists it"]
    listen(in_turn(left_behind(left=left)))
    result = run("logout", "work")
    assert (result.exit_code, result.stdout) == (0, "signed out: work\n")
    assert result.stderr == f"brokerctl: note: {left[0]}\n"


END = "https://issuer.example/logout?client_id=c"


def test_the_page_that_ends_the_session_is_named_and_not_opened(
    run: Run, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(commands, "open_browser", lambda url, _: opened.append(url))
    listen(in_turn(left_behind(end_session_url=END)))
    assert END in run("logout", "work").stderr
    assert opened == []


def test_the_page_that_ends_the_session_is_opened_where_that_was_said(
    run: Run, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def show(url: str, _: str | None) -> bool:
        opened.append(url)
        return len(opened) == 1

    monkeypatch.setattr(commands, "open_browser", show)
    listen(in_turn(*[left_behind(end_session_url=END)] * 2, left_behind()))
    assert run("logout", "work", "--browser-session").stderr == ""
    assert opened == [END]
    assert END in run("logout", "work", "--browser-session").stderr
    none = run("logout", "work", "--browser-session")
    assert "no page that ends the session" in none.stderr
    assert len(opened) == 2


def test_in_json_a_log_out_is_what_the_daemon_said(run: Run, listen: Listen) -> None:
    listen(in_turn(left_behind(end_session_url=END)))
    result = run("logout", "work", "--json")
    assert json.loads(result.stdout)["end_session_url"] == END
    assert result.stderr == ""


@pytest.mark.parametrize("name", ["../status", "a b", "a?local_only=true", "é", "\n"])
def test_a_hostile_name_cannot_become_another_request(
    run: Run, listen: Listen, name: str
) -> None:
    broker = listen(lambda _: problem_reply(400, "bad_request"))
    assert run("logout", name).exit_code == 2
    assert broker.requests[0].target.startswith("/v1/accounts/")
    assert not set(broker.requests[0].target[len("/v1/accounts/") :]) & set("/? \n")


def test_an_unknown_account_has_its_own_exit_code_in_words_and_in_json(
    run: Run, listen: Listen
) -> None:
    listen(lambda _: problem_reply(404, "unknown_account", account="work"))
    words = run("logout", "work")
    assert (words.exit_code, words.stdout) == (4, "")
    assert words.stderr.startswith("brokerctl: error: ")
    machine = run("logout", "work", "--json")
    assert machine.exit_code == 4
    problem = json.loads(machine.stdout)
    assert (problem["code"], problem["account"]) == ("unknown_account", "work")
    assert machine.stderr == ""
