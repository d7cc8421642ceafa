"""Awaiting the end of a login, and what is pasted meanwhile."""

import io
import os
import pty
import sys
from collections.abc import Callable, Iterator

import pytest

from broker.control import login_end
from broker.control.broker import Broker, Json
from broker.control.login_end import await_end
from brokerd_client import BrokerError
from tests.control.conftest import Listen
from tests.fakes.broker import FakeBroker, Received, http, problem_reply

PATH = "/v1/logins/L1"
PENDING = http(200, {"state": "pending"})
DONE: Json = {"state": "complete"}
ADDRESS = "http://127.0.0.1:1/?code=c&state=s"

Type = Callable[[str], None]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Type]:
    """Standard input is a pipe; what is given is all that comes."""
    reading, writing = os.pipe()

    def type_all(text: str) -> None:
        os.write(writing, text.encode())
        os.close(writing)

    with os.fdopen(reading) as pipe:
        monkeypatch.setattr("sys.stdin", pipe)
        yield type_all


@pytest.mark.usefixtures("keyboard")
def test_a_login_that_ends_meanwhile_ends_the_waiting_for_a_line(
    listen: Listen,
) -> None:
    left = iter([PENDING, PENDING, PENDING, http(200, DONE)])
    listen(lambda _: next(left))
    assert await_end(Broker(), PATH, "paste") == DONE


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Type]:
    """Standard input is a terminal."""
    keys, device = pty.openpty()
    with os.fdopen(device) as screen:
        monkeypatch.setattr("sys.stdin", screen)
        yield lambda text: (os.write(keys, text.encode()), None)[1]
    os.close(keys)


def until_pasted(*refused: str) -> Callable[[Received], bytes]:
    """Pending until something is pasted that is not among `refused`."""
    pasted: list[str] = []

    def answer(received: Received) -> bytes:
        if received.method == "GET":
            return http(200, DONE) if pasted else PENDING
        text = str(received.json["pasted"])
        if text in refused:
            return problem_reply(400, "paste_refused")
        pasted.append(text)
        return PENDING

    return answer


def pastes(broker: FakeBroker) -> list[object]:
    return [r.json["pasted"] for r in broker.requests if r.method == "POST"]


@pytest.mark.parametrize("way", ["paste", "oob"])
def test_what_is_piped_in_is_handed_over(
    way: str, typed: Type, listen: Listen, capsys: pytest.CaptureFixture[str]
) -> None:
    broker = listen(until_pasted())
    typed(f"\n  {ADDRESS}\n")
    assert await_end(Broker(), PATH, way) == DONE
    assert pastes(broker) == [ADDRESS]
    assert "nowhere else" in capsys.readouterr().err  # ConsentFix
    assert (broker.requests[-1].method, broker.requests[-1].target) == (
        "GET",
        f"{PATH}?wait=30",
    )


def test_at_a_terminal_what_was_refused_is_pasted_again(
    keyboard: Type, listen: Listen, capsys: pytest.CaptureFixture[str]
) -> None:
    broker = listen(until_pasted("wrong"))
    keyboard("wrong\n")
    keyboard(f"{ADDRESS}\n")
    assert await_end(Broker(), PATH, "paste") == DONE
    assert pastes(broker) == ["wrong", ADDRESS]
    said = capsys.readouterr().err
    assert "the sentence of paste_refused" in said
    assert said.count("Paste it here:") == 2


def test_in_a_pipe_what_was_refused_ends_it(typed: Type, listen: Listen) -> None:
    listen(until_pasted("wrong"))
    typed("wrong\n")
    with pytest.raises(BrokerError) as caught:
        await_end(Broker(), PATH, "paste")
    assert caught.value.code == "paste_refused"


def test_where_nothing_is_piped_in_that_is_said(typed: Type, listen: Listen) -> None:
    listen(until_pasted())
    typed("")
    with pytest.raises(BrokerError, match="nothing was pasted"):
        await_end(Broker(), PATH, "oob")


def test_whoever_only_waits_is_asked_nothing_and_loses_no_line(
    monkeypatch: pytest.MonkeyPatch,
    listen: Listen,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("of somebody else\n"))
    left = iter([PENDING, PENDING, http(200, DONE)])
    listen(lambda _: next(left))
    assert await_end(Broker(), PATH, "loopback") == DONE
    assert capsys.readouterr().err == ""
    assert sys.stdin.readline() == "of somebody else\n"


def test_at_a_terminal_pasting_is_offered_when_no_answer_comes(
    keyboard: Type,
    listen: Listen,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(login_end, "OFFER_SECONDS", 0)
    broker = listen(until_pasted())
    keyboard(f"{ADDRESS}\n")
    assert await_end(Broker(), PATH, "loopback") == DONE
    assert pastes(broker) == [ADDRESS]
    assert "No answer has come yet" in capsys.readouterr().err


def test_a_daemon_that_goes_is_told(typed: Type, listen: Listen) -> None:
    listen(lambda _: problem_reply(503, "stopping"))
    typed("")
    with pytest.raises(BrokerError) as caught:
        await_end(Broker(), PATH, "loopback")
    assert caught.value.code == "stopping"
