"""`brokerctl agent`: asks once for each lock, and unlocks."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import Result

from broker.control import watch
from broker.host import hold_lock
from tests.control.conftest import Listen, Run
from tests.control.statuses import LOCKED, LOCKED_TWO_SLOTS, STATUS
from tests.fakes.broker import Received, http, problem_reply
from tests.fakes.pinentry import FakePinentry

HELLO = {"event": "listening", "at": 0}
LOCK = {"event": "locked", "at": 0, "reason": "a passphrase is needed"}
UNLOCK = {"event": "unlocked", "at": 0}
ENDED = problem_reply(403, "not_permitted")
"""Of a stream: ends the agent, which goes on through all else."""

PLAIN_LOCKED = {**LOCKED, "slots": STATUS["slots"]}
OK = http(200, STATUS)
WRONG = problem_reply(403, "wrong_passphrase")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "RECONNECT_SECONDS", 0)


def stream(*events: object) -> bytes:
    return http(200, text="".join(f"{json.dumps(event)}\n" for event in events))


Agent = Callable[..., tuple[Result, list[Received]]]


@pytest.fixture
def agent(run: Run, listen: Listen) -> Agent:
    """Runs the agent through these streams, with these answers to its unlocks."""

    def through(
        fake: FakePinentry | None,
        *streams: bytes,
        unlocks: Sequence[bytes] = (),
        status: dict[str, object] = LOCKED,
        words: Sequence[str] = (),
    ) -> tuple[Result, list[Received]]:
        left = iter([*streams, ENDED])
        answers = iter(unlocks)

        def answer(received: Received) -> bytes:
            if received.target == "/v1/events":
                return next(left)
            if received.target == "/v1/status":
                return http(200, status)
            return next(answers)

        broker = listen(answer)
        program = [] if fake is None else ["--pinentry", str(fake.path)]
        result = run("agent", *program, *words)
        assert result.exit_code == 22, result.output
        return result, [r for r in broker.requests if r.target == "/v1/unlock"]

    return through


def test_a_lock_is_asked_about_and_what_is_typed_opens_it(
    agent: Agent, tmp_path: Path
) -> None:
    fake = FakePinentry.make(tmp_path, "open sesame")
    result, unlocks = agent(fake, stream(HELLO, LOCK), unlocks=[OK])
    assert [one.json for one in unlocks] == [{"passphrase": "open sesame"}]
    assert result.stdout == "unlocked\n"
    assert "a passphrase is needed" in fake.texts("SETDESC")[0]
    assert "open sesame" not in result.output


def test_the_kernel_is_asked_to_remember_where_that_is_wanted(
    agent: Agent, tmp_path: Path
) -> None:
    fake = FakePinentry.make(tmp_path, "sesame")
    words = ["--remember", "2h", "--json"]
    result, unlocks = agent(fake, stream(HELLO, LOCK), unlocks=[OK], words=words)
    assert unlocks[0].json == {"passphrase": "sesame", "remember": 7200}
    assert json.loads(result.stdout.splitlines()[0]) == {"unlocked": True}


def test_a_refused_question_is_not_asked_again_of_the_same_lock(
    agent: Agent, tmp_path: Path
) -> None:
    fake = FakePinentry.make(tmp_path, None)
    again = stream(HELLO, LOCK)  # the same daemon: the agent has only reconnected
    _, unlocks = agent(fake, again, again)
    assert unlocks == []
    assert len(fake.texts("GETPIN")) == 1


def test_the_next_lock_is_asked_about_again(agent: Agent, tmp_path: Path) -> None:
    fake = FakePinentry.make(tmp_path, None, "sesame")
    events = stream(HELLO, LOCK, UNLOCK, LOCK)
    _, unlocks = agent(fake, events, unlocks=[OK])
    assert len(unlocks) == 1


def test_a_wrong_passphrase_is_told_and_asked_for_three_times_at_most(
    agent: Agent, tmp_path: Path
) -> None:
    fake = FakePinentry.make(tmp_path, "a", "b", "c", "d")
    events = stream(HELLO, LOCK)
    result, unlocks = agent(fake, events, unlocks=[WRONG] * 3)
    assert [one.json["passphrase"] for one in unlocks] == ["a", "b", "c"]
    assert fake.texts("SETERROR") == ["the sentence of wrong_passphrase"] * 2
    assert "no passphrase opened it" in result.stderr


def test_a_second_try_may_be_right(agent: Agent, tmp_path: Path) -> None:
    fake = FakePinentry.make(tmp_path, "a", "b")
    result, _ = agent(fake, stream(HELLO, LOCK), unlocks=[WRONG, OK])
    assert result.stdout == "unlocked\n"


@pytest.mark.parametrize("status", [STATUS, PLAIN_LOCKED])
def test_nothing_is_asked_where_a_passphrase_would_open_nothing(
    agent: Agent, tmp_path: Path, status: dict[str, object]
) -> None:
    fake = FakePinentry.make(tmp_path)
    agent(fake, stream(HELLO, LOCK), status=status)
    assert fake.heard == []


def test_a_recovery_passphrase_is_asked_for_where_the_keyring_is_locked(
    agent: Agent, tmp_path: Path
) -> None:
    fake = FakePinentry.make(tmp_path, "sesame")
    events = stream(HELLO, LOCK)
    _, unlocks = agent(fake, events, status=LOCKED_TWO_SLOTS, unlocks=[OK])
    assert len(unlocks) == 1


def test_a_pinentry_that_cannot_ask_is_told_and_the_agent_goes_on(
    agent: Agent, tmp_path: Path
) -> None:
    fake = FakePinentry.make(tmp_path, "ERR 83918950 no display", "sesame")
    events = stream(HELLO, LOCK, UNLOCK, LOCK)
    result, unlocks = agent(fake, events, unlocks=[OK])
    assert "no display; unlock it yourself" in result.stderr
    assert len(unlocks) == 1


def test_a_daemon_that_refuses_the_unlock_is_told_and_the_agent_goes_on(
    agent: Agent, tmp_path: Path
) -> None:
    fake = FakePinentry.make(tmp_path, "sesame", "sesame")
    refusal = problem_reply(507, "store_failed")
    events = stream(HELLO, LOCK, UNLOCK, LOCK)
    result, unlocks = agent(fake, events, unlocks=[refusal, OK])
    assert "the sentence of store_failed" in result.stderr
    assert len(unlocks) == 2


def test_there_is_one_agent(run: Run, runtime: Path) -> None:
    runtime.mkdir(0o700)
    held = hold_lock(runtime / "agent.lock")
    try:
        result = run("agent")
    finally:
        held.close()
    assert result.exit_code == 27
    assert "another `brokerctl agent`" in result.stderr


def test_a_folder_that_others_can_enter_holds_no_agent(run: Run, runtime: Path) -> None:
    runtime.mkdir()
    runtime.chmod(0o755)
    assert run("agent").exit_code == 26
