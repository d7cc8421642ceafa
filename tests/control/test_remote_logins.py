"""The hand at the desk: sign-ins that are begun on another host."""

import json
from collections.abc import Callable, Mapping
from threading import Event

import pytest

from broker.control.broker import Broker
from broker.control.remote_logins import MOST_PAGES, WITHIN_SECONDS, RemoteLogins
from tests.control.conftest import Listen
from tests.fakes.broker import Answer, Received, http

URL = "https://issuer.example/authorize?state=s"


def login(login_id: str = "L1", **changes: object) -> dict[str, object]:
    whole = {
        "id": login_id,
        "account": "work",
        "way": "loopback",
        "authorization_url": URL,
        "socket": "far",
    }
    return {**whole, **changes}


def logins(*listed: dict[str, object]) -> bytes:
    return http(200, {"logins": list(listed)})


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which pages a browser was opened with; there is a browser."""
    pages: list[str] = []

    def open_browser(url: str, browser: str | None) -> bool:
        assert browser == "a browser"
        pages.append(url)
        return True

    monkeypatch.setattr("broker.control.remote_logins.open_browser", open_browser)
    return pages


def at_the_desk(
    *, opens: bool = True, monotonic: Callable[[], float] = lambda: 0.0
) -> RemoteLogins:
    return RemoteLogins(
        "far", "host", opens=opens, browser="a browser", monotonic=monotonic
    )


def test_the_page_of_a_sign_in_there_is_opened_here_once(
    listen: Listen, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    listen(lambda _: logins(login()))
    here = at_the_desk()
    here.look(Broker())
    here.look(Broker())
    assert opened == [URL]
    assert "a sign-in of 'work' was asked for on host" in capsys.readouterr().err


@pytest.mark.parametrize(
    "other",
    [
        login(socket="other"),
        login(socket=None),
        login(authorization_url="file:///etc/passwd"),
        login(authorization_url=None),
    ],
)
def test_nothing_else_is_opened(
    listen: Listen, opened: list[str], other: dict[str, object]
) -> None:
    listen(lambda _: logins(other))
    at_the_desk().look(Broker())
    assert opened == []


def test_no_host_can_fill_the_screen_with_pages(
    listen: Listen, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    number, now = 0, 0.0

    def answer(_: Received) -> bytes:
        return logins(login(f"L{number}"))

    listen(answer)
    here = at_the_desk(monotonic=lambda: now)
    for number in range(MOST_PAGES + 2):  # noqa: B007 - the broker tells it
        here.look(Broker())
    assert len(opened) == MOST_PAGES
    assert f"open this URL to go on: {URL}" in capsys.readouterr().err
    now, number = float(WITHIN_SECONDS), 99
    here.look(Broker())
    assert len(opened) == MOST_PAGES + 1


def test_where_no_browser_is_wanted_the_url_is_told(
    listen: Listen, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    listen(lambda _: logins(login()))
    at_the_desk(opens=False).look(Broker())
    assert opened == []
    assert URL in capsys.readouterr().err


def stream(*events: Mapping[str, object]) -> bytes:
    lines = b"".join(json.dumps({"at": 0, **one}).encode() + b"\n" for one in events)
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
        f"Content-Length: {len(lines)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + lines


def telling(*events: Mapping[str, object]) -> Answer:
    """A broker that tells these once, and of a login whenever it is asked."""
    left = [stream({"event": "listening"}, *events)]

    def answer(received: Received) -> bytes | None:
        if received.target == "/v1/logins":
            return logins(login())
        if left:
            return left.pop()
        return http(
            403,
            {"code": "not_permitted", "status": 403, "detail": "no", "hint": "-"},
        )

    return answer


def test_it_looks_when_it_begins_and_when_it_is_told(
    listen: Listen, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.control.watch.time.sleep", lambda _: None)
    begun = {"event": "login_begun", "account": "work", "socket": "far"}
    of_another = {"event": "login_begun", "account": "work", "socket": "other"}
    renewed = {"event": "token_renewed", "account": "work"}
    broker = listen(telling(begun, of_another, renewed))
    at_the_desk().listen(Event())
    looks = [one for one in broker.requests if one.target == "/v1/logins"]
    assert len(looks) == 2
    assert opened == [URL]
