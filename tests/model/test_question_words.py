"""A question in plain words, and what a hostile program can make of them: nothing."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.model.account import AccountName
from broker.model.peer_facts import NAMES, Certainty, Known, PeerFacts
from broker.model.policy import Operation
from broker.model.question import Question
from broker.model.question_words import (
    CAUTION,
    MOST_SCOPES_SHOWN,
    parse_scope_words,
    question_words,
    scope_words,
)

SCOPES = parse_scope_words((Path("broker") / "scopes.toml").read_text("utf-8"))
GOOGLE = "https://accounts.google.com"
READONLY = "https://www.googleapis.com/auth/drive.readonly"

QUESTION = Question(
    account=AccountName("work"),
    operation=Operation.TOKEN,
    socket="admin",
    facts=PeerFacts(
        uid=1000,
        pid=4711,
        pid_certainty=Certainty.FACT,
        executable=Known("/usr/bin/python3.11", Certainty.CLAIM),
        script=Known("/home/ann/backup.py", Certainty.GUESS),
        tty=Known("pts/3", Certainty.CLAIM),
    ),
)


def lines(question: Question = QUESTION, *scopes: str) -> list[tuple[str, str]]:
    words = question_words(question, GOOGLE, scopes, SCOPES)
    return [(one.name, one.value) for one in words.details]


def test_a_question_says_who_wants_what_and_how_sure_that_is() -> None:
    words = question_words(QUESTION, GOOGLE, [READONLY], SCOPES)
    assert words.title == "May backup.py have an access token of work?"
    assert words.caution == CAUTION
    assert "may be imitated by programs running as you" in CAUTION
    assert lines(QUESTION, READONLY) == [
        ("account", "work at https://accounts.google.com"),
        ("allows", f"see and download all your Google Drive files ({READONLY})"),
        ("socket", "admin"),
        ("program", "/usr/bin/python3.11 (claimed)"),
        ("terminal", "pts/3 (claimed)"),
        ("script", "/home/ann/backup.py (guessed)"),
        ("process", "4711"),
        ("user", "uid 1000"),
    ]


def test_an_unknown_scope_is_shown_as_it_is_and_made_safe() -> None:
    assert scope_words("files.all", GOOGLE, SCOPES) == "files.all"
    assert scope_words("a\x1b[2Kb\u202e", GOOGLE, SCOPES) == "a [2Kb "


def test_a_scope_means_what_its_own_issuer_says() -> None:
    assert scope_words("repo", GOOGLE, SCOPES) == "repo"
    assert "private ones" in scope_words(
        "repo", "https://github.com/login/oauth", SCOPES
    )
    assert scope_words("openid", "https://x.example", SCOPES).startswith("learn")


def test_that_no_scope_is_named_is_said() -> None:
    assert ("allows", "whatever the issuer gives without naming it") in lines()


def test_a_hundred_scopes_do_not_hide_the_rest_of_the_question() -> None:
    shown = lines(QUESTION, *(f"s{n:03}" for n in range(1000)))
    assert len([name for name, _ in shown if name == "allows"]) == MOST_SCOPES_SHOWN + 1
    assert ("allows", f"and {1000 - MOST_SCOPES_SHOWN} more scopes") in shown


def test_no_scope_that_a_person_may_have_granted_is_hidden_behind_others() -> None:
    harmless = [f"a{n:02}" for n in range(40)]
    shown = lines(QUESTION, *harmless, "https://mail.google.com/")
    (mail,) = [value for _, value in shown if "mail.google.com" in value]
    assert mail.startswith("read, write, send and DELETE all your mail")


def test_a_name_is_too_short_to_tell_a_story_in_the_question() -> None:
    name = "curl have nothing" + " " * 300 + "? May git"
    facts = PeerFacts(uid=1, executable=Known("/bin/" + name, Certainty.CLAIM))
    question = msgspec.structs.replace(QUESTION, facts=facts)
    title = question_words(question, GOOGLE, ["x"], SCOPES).title
    assert len(title) == len("May  have an access token of work?") + 60


def test_what_the_token_is_for_and_that_each_use_is_asked_is_said() -> None:
    question = msgspec.structs.replace(QUESTION, resource="https://mcp", every=True)
    shown = dict(lines(question, "x"))
    assert shown["for"] == "https://mcp"
    assert "each time" in shown["asked"]


def test_that_a_program_has_ended_is_said() -> None:
    facts = PeerFacts(uid=1000, pid=4711, has_exited=True)
    question = msgspec.structs.replace(QUESTION, facts=facts)
    assert dict(lines(question))["process"] == "4711, which has ended (claimed)"


@pytest.mark.parametrize("name", NAMES)
@given(text=st.text(min_size=1, max_size=300))
def test_no_label_brings_a_line_end_a_control_or_a_turned_line_into_the_words(
    name: str, text: str
) -> None:
    known = Known(text, Certainty.CLAIM)
    facts = msgspec.structs.replace(QUESTION.facts, **{name: known})
    question = msgspec.structs.replace(QUESTION, facts=facts)
    words = question_words(question, GOOGLE, ["x"], SCOPES)
    shown = [words.title, *(one.value for one in words.details)]
    assert not any(c in each for each in shown for c in "\n\r\x1b\x9b\u202e\u2028")
