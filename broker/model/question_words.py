"""A question in plain words: the same for a terminal, a notification and a page. Pure.

All of it is text, made safe to show; whoever shows it as markup escapes it.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from broker.model.peer_facts import NAMES, Certainty, PeerFacts
from broker.model.policy import Operation
from broker.model.question import Question
from broker.model.text import safe_name, safe_text

CAUTION = (
    "What is said of the program may be imitated by programs running as you. "
    "If you did not expect this question, deny it."
)

MOST_SCOPES_SHOWN = 100
"""All, in practice: whoever asks chooses them, and so what would not be shown."""

_LONGEST_NAME = 60
"""Characters of a program's name in the question itself."""

_ANY_ISSUER = "any"

_OPERATIONS = {
    Operation.TOKEN: "an access token",
    Operation.ID_TOKEN: "an ID token, which says who you are",
}

_CERTAINTIES = {
    Certainty.FACT: "",
    Certainty.CLAIM: " (claimed)",
    Certainty.GUESS: " (guessed)",
}

_LABELS = {"executable": "program", "tty": "terminal", "command": "calls itself"}
"""Where people have another word for a fact."""

ScopeWords = Mapping[str, Mapping[str, str]]
"""What scopes mean: by issuer's URL or 'any', by scope."""


class Detail(msgspec.Struct, frozen=True):
    """One line of a question."""

    name: str
    value: str


class QuestionWords(msgspec.Struct, frozen=True, kw_only=True):
    """What people are shown.

    Attributes:
        title: the question itself, in one sentence.
        details: what they need to know, a line each; names may come twice.
        caution: how little is sure.
    """

    title: str
    details: tuple[Detail, ...]
    caution: str = CAUTION


def parse_scope_words(text: str) -> ScopeWords:
    """The table of scopes.toml: a table for each issuer's URL, or 'any'."""
    parsed = tomllib.loads(text)
    return {
        issuer: {scope: str(words) for scope, words in table.items()}
        for issuer, table in parsed.items()
    }


def question_words(
    question: Question, issuer: str, scopes: Iterable[str], table: ScopeWords
) -> QuestionWords:
    """The question in words.

    Args:
        question: what is asked.
        issuer: URL of the account's.
        scopes: of the token, all of them.
        table: of `parse_scope_words`.
    """
    what = _OPERATIONS.get(question.operation, question.operation.value)
    name = safe_name(question.facts.label, _LONGEST_NAME)
    return QuestionWords(
        title=f"May {name} have {what} of {question.account}?",
        details=(
            Detail("account", safe_text(f"{question.account} at {issuer}")),
            *_scope_details(sorted(scopes), issuer, table),
            *_place_details(question),
            *_program_details(question.facts),
        ),
    )


def scope_words(scope: str, issuer: str, table: ScopeWords) -> str:
    """What a scope allows, with its name; the name alone where that is not known."""
    known = table.get(issuer, {}).get(scope) or table.get(_ANY_ISSUER, {}).get(scope)
    return safe_text(scope if known is None else f"{known} ({scope})")


def _scope_details(
    scopes: list[str], issuer: str, table: ScopeWords
) -> Iterator[Detail]:
    if not scopes:
        yield Detail("allows", "whatever the issuer gives without naming it")
    for scope in scopes[:MOST_SCOPES_SHOWN]:
        yield Detail("allows", scope_words(scope, issuer, table))
    if len(scopes) > MOST_SCOPES_SHOWN:
        yield Detail("allows", f"and {len(scopes) - MOST_SCOPES_SHOWN} more scopes")


def _place_details(question: Question) -> Iterator[Detail]:
    if question.resource is not None:
        yield Detail("for", safe_text(question.resource))
    if question.every:
        yield Detail("asked", "each time: this answer is not remembered")
    yield Detail("socket", safe_text(question.socket))


def _program_details(facts: PeerFacts) -> Iterator[Detail]:
    for name in NAMES:
        known = getattr(facts, name)
        if known is not None:
            value = safe_text(known.value) + _CERTAINTIES[known.certainty]
            yield Detail(_LABELS.get(name, name), value)
    if facts.pid is not None:
        ended = ", which has ended" if facts.has_exited else ""
        certainty = _CERTAINTIES[facts.pid_certainty]
        yield Detail("process", f"{facts.pid}{ended}{certainty}")
    yield Detail("user", f"uid {facts.uid}")
