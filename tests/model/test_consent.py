"""What an answer covers, and of whom."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.model.account import AccountName
from broker.model.consent import (
    SESSION_IDLE,
    SESSION_LIFE,
    Allowance,
    Answer,
    Program,
    Session,
    SessionConsent,
    answers,
    program_of,
    session_of,
)
from broker.model.peer_facts import Certainty, Known, PeerFacts, known
from broker.model.policy import Operation
from broker.model.question import Question
from broker.model.time import Instant, Seconds, UnixTime

CURL = Program(uid=1, executable="/usr/bin/curl")
ALLOWED = Allowance(
    account=AccountName("work"),
    issuer="https://issuer.example",
    people=("ann",),
    operation=Operation.TOKEN,
    scopes=frozenset({"drive", "mail"}),
    resource=None,
    socket="admin",
    program=CURL,
)


def claim(value: str) -> Known:
    return Known(value, Certainty.CLAIM)


def changed(**changes: object) -> Allowance:
    return msgspec.structs.replace(ALLOWED, **changes)


scope_sets = st.frozensets(st.sampled_from(["a", "b", "c"]))


@given(scope_sets, scope_sets)
def test_exactly_what_is_no_wider_is_covered(
    allowed: frozenset[str], asked: frozenset[str]
) -> None:
    # No scopes at all stand for whatever the issuer gives: covered by the same alone.
    expected = asked <= allowed if asked else not allowed
    assert changed(scopes=allowed).covers(changed(scopes=asked)) is expected


@pytest.mark.parametrize(
    "changes",
    [
        {"account": "home"},
        {"issuer": "https://evil.example"},
        {"people": ("bob",)},
        {"people": ("ann", "bob")},
        {"operation": Operation.ID_TOKEN},
        {"resource": "https://api.example"},
        {"socket": "ci"},
        {"socket_made_at": UnixTime(1)},
        *(
            {"program": msgspec.structs.replace(CURL, **{name: value})}
            for name, value in (
                ("uid", 2),
                ("executable", "/usr/bin/wget"),
                ("script", "/home/ann/x"),
                ("unit", "x.service"),
                ("flatpak", "org.example.App"),
                ("snap", "app.app"),
            )
        ),
    ],
)
def test_whatever_else_differs_is_not_covered(changes: dict[str, object]) -> None:
    assert not ALLOWED.covers(changed(**changes))
    assert not changed(**changes).covers(ALLOWED)


def test_a_scope_is_no_name_of_a_program_since_it_never_comes_again() -> None:
    facts = PeerFacts(
        uid=1, executable=claim("/usr/bin/curl"), unit=claim("vte-spawn-1.scope")
    )
    assert program_of(facts) == CURL
    in_service = msgspec.structs.replace(facts, unit=claim("backup.service"))
    assert program_of(in_service).unit == "backup.service"


def test_who_is_shut_in_an_application_is_another_program_there() -> None:
    facts = PeerFacts(uid=1, executable=claim("/usr/bin/curl"))
    for name in ("flatpak", "snap"):
        shut_in = msgspec.structs.replace(facts, **{name: claim("org.example.App")})
        assert getattr(program_of(shut_in), name) == "org.example.App"


@pytest.mark.parametrize("name", ["executable", "script", "unit", "flatpak", "snap"])
def test_a_name_that_cannot_be_shown_whole_tells_no_program(name: str) -> None:
    facts = PeerFacts(
        uid=1, executable=claim("/usr/bin/python3"), command=claim("python3")
    )
    for odd in ("/" + "x" * 300 + "/one.service", "/bin/\u202eone.service"):
        shown = known(odd, Certainty.CLAIM)
        found = program_of(msgspec.structs.replace(facts, **{name: shown}))
        assert found == Program(uid=1, command="python3")
        assert not found.is_known


def test_a_session_is_the_terminal_else_the_unit_else_the_process() -> None:
    facts = PeerFacts(
        uid=1,
        pid=42,
        started=9,
        session_started=7,
        tty=claim("pts/3"),
        unit=claim("backup.service"),
    )
    assert session_of(facts) == Session(place="tty pts/3", started=7)
    without = msgspec.structs.replace(facts, tty=None)
    assert session_of(without) == Session(place="unit backup.service", started=7)
    alone = msgspec.structs.replace(facts, session_started=None)
    assert session_of(alone) == Session(place="process 42", started=9)
    assert session_of(PeerFacts(uid=1, pid=42)) is None


def asked(*, every: bool = False, **facts: object) -> tuple[Answer, ...]:
    return answers(
        Question(
            account=AccountName("work"),
            operation=Operation.TOKEN,
            socket="admin",
            facts=msgspec.structs.replace(PeerFacts(uid=1), **facts),
            every=every,
        )
    )


def test_only_what_can_be_told_apart_later_is_offered_to_be_remembered() -> None:
    curl = claim("/usr/bin/curl")
    assert asked() == (Answer.ONCE, Answer.DENY)
    assert asked(executable=curl, every=True) == (Answer.ONCE, Answer.DENY)
    assert asked(executable=curl) == (Answer.ONCE, Answer.ALWAYS, Answer.DENY)
    assert asked(executable=curl, pid=1, started=2) == tuple(Answer)


def at(boot: float) -> Instant:
    return Instant(wall=UnixTime(1_800_000_000 + boot), boot=Seconds(boot))


def test_a_session_ends_when_it_is_idle_and_after_half_a_day_in_any_case() -> None:
    consent = SessionConsent(
        consent_id="1",
        allowance=ALLOWED,
        session=Session(place="tty pts/3", started=7),
        given=at(0),
        used=at(0),
    )
    assert consent.holds_at(at(SESSION_IDLE - 1))
    assert not consent.holds_at(at(SESSION_IDLE))
    busy = msgspec.structs.replace(consent, used=at(SESSION_LIFE - 10))
    assert busy.holds_at(at(SESSION_LIFE - 1))
    assert not busy.holds_at(at(SESSION_LIFE))
    assert busy.until == at(SESSION_LIFE).wall
