"""What a terminal shows of a device code."""

import json

import pytest

from broker.control.device import qr_lines
from tests.control.conftest import Listen, Run
from tests.control.test_login import DONE, REFUSED, begun, shown
from tests.fakes.broker import http, in_turn

CODE = {
    "issuer": "https://issuer.example",
    "client_id": "tv",
    "scopes": ["drive", "mail"],
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://issuer.example/device",
    "verification_uri_complete": "https://issuer.example/device?user_code=WDJB-MJHT",
    "expires_at": 4102444800,
}
URLS = {"authorization_url": None, "redirect_uri": None}


def coded(**changes: object) -> bytes:
    return begun(way="device", **URLS, device={**CODE, **changes})


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output is a terminal of 80 columns."""
    monkeypatch.setattr(
        "click.testing._NamedTextIOWrapper.isatty", lambda self: self.name == "<stdout>"
    )
    monkeypatch.setenv("COLUMNS", "80")


def test_code_and_address_are_shown_with_the_warning(run: Run, listen: Listen) -> None:
    broker = listen(in_turn(coded(), DONE))
    result = run("login", "work", "--device")
    assert result.exit_code == 0
    assert broker.requests[0].json == {"account": "work", "way": "device"}
    assert "    https://issuer.example/device\n" in result.stdout
    assert "    WDJB-MJHT\n" in result.stdout
    assert (
        "It signs you in at https://issuer.example for the client tv, "
        "which asks for: drive mail\n" in result.stdout
    )
    assert result.stdout.endswith("signed in: work\n")
    assert "never one that somebody sent you" in result.stderr


def test_in_a_pipe_there_is_no_qr_code(run: Run, listen: Listen) -> None:
    listen(in_turn(coded(), DONE))
    result = run("login", "work", "--device")
    assert result.stdout.isascii()


@pytest.mark.usefixtures("terminal")
def test_with_json_there_is_no_qr_code_on_a_terminal_either(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(coded(), DONE))
    result = run("login", "work", "--device", "--json")
    first, last = map(json.loads, result.stdout.splitlines())
    assert first["device"] == CODE
    assert first["browser_opened"] is False
    assert last["state"] == "complete"


@pytest.mark.usefixtures("terminal")
def test_rfc8628_section_3_3_1_the_code_is_shown_besides_the_qr_code(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(coded(), DONE))
    result = run("login", "work", "--device")
    lines = qr_lines("https://issuer.example/device?user_code=WDJB-MJHT")
    assert "\n".join(lines) in result.stdout
    assert "    WDJB-MJHT\n" in result.stdout
    assert "shows the same code" in result.stdout


@pytest.mark.usefixtures("terminal")
def test_without_a_complete_address_the_qr_code_opens_the_page(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(coded(verification_uri_complete=None), DONE))
    result = run("login", "work", "--device")
    assert "\n".join(qr_lines("https://issuer.example/device")) in result.stdout
    assert "same code" not in result.stdout


@pytest.mark.usefixtures("terminal")
def test_a_narrow_terminal_shows_no_broken_qr_code(
    run: Run, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    listen(in_turn(coded(), DONE))
    assert run("login", "work", "--device").stdout.isascii()


def test_a_qr_code_is_a_square_of_half_blocks_with_a_light_border() -> None:
    lines = qr_lines("https://issuer.example/device")
    width = len(lines[0])
    assert {len(line) for line in lines} == {width}
    assert len(lines) == (width + 1) // 2
    assert set("".join(lines)) <= set(" \u2580\u2584\u2588")
    assert set(lines[0]) == {"\u2588"}
    assert all(line[:2] == line[-2:] for line in lines)


@pytest.mark.parametrize(
    "changes",
    [
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri": "--flag"},
        {"verification_uri": "http://issuer.example/device"},
        {"verification_uri": "https://issuer.example/\x1b[2K"},
        {"verification_uri": None},
        {"verification_uri_complete": "javascript:alert(1)"},
        {"user_code": "\x1b[2KWDJB"},
        {"user_code": "\u202eWDJB"},
        {"user_code": " "},
        {"user_code": None},
    ],
)
def test_what_no_terminal_should_be_given_is_not_shown_and_ends_the_login(
    run: Run, listen: Listen, changes: dict[str, object]
) -> None:
    broker = listen(in_turn(coded(**changes), http(204), http(204)))
    result = run("login", "work", "--device")
    assert result.exit_code == 11
    assert result.stdout == ""
    assert (result.stdout + result.stderr).replace("\n", "").isprintable()
    assert ("DELETE", "/v1/logins/L1") in [
        (r.method, r.target) for r in broker.requests
    ]


def test_a_login_that_another_program_began_shows_the_same_code(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(begun(way="device", **URLS, device=CODE, joined=True), DONE))
    result = run("login", "work", "--device")
    assert "    WDJB-MJHT\n" in result.stdout
    assert "under way already" in result.stderr


def test_the_end_is_told_as_in_every_way(run: Run, listen: Listen) -> None:
    listen(in_turn(coded(), shown("failed", problem=REFUSED)))
    result = run("login", "work", "--device")
    assert result.exit_code == 6
    assert "hint: choose Allow" in result.stderr
