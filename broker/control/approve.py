"""`brokerctl approve`: answer open questions about programs, on any terminal."""

import sys

import click

from broker.control.asking import is_at_terminal
from broker.control.broker import Broker, Json, text, told
from broker.control.output import (
    bad_usage,
    json_option,
    say,
    say_json,
    tell,
    tell_note,
    tells_errors,
)
from broker.control.questions import (
    ANSWERS,
    DONE,
    caution,
    details,
    find_question,
    give_answer,
    offered,
    open_questions,
    title,
)
from broker.control.watch import events
from broker.model import errors
from broker.model.event import EventKind
from brokerd_client import BrokerError
from brokerd_client.exit_codes import INTERRUPTED

LATER = "later"


@click.command()
@click.argument("question_id", metavar="[ID]", required=False)
@click.option("--once", "answer", flag_value="once", help="Allow it this once.")
@click.option(
    "--session",
    "answer",
    flag_value="session",
    help="Allow it to this program in its terminal, or its service, until it has been "
    "idle for ten minutes; twelve hours at most.",
)
@click.option(
    "--always",
    "answer",
    flag_value="always",
    help="Allow it to this program from now on: see `brokerctl consents`.",
)
@click.option("--deny", "answer", flag_value="deny", help="Refuse it.")
@click.option(
    "--watch", "watches", is_flag=True, help="Wait for questions, until Ctrl-C."
)
@json_option
@tells_errors
def approve(
    *, question_id: str | None, answer: str | None, watches: bool, as_json: bool
) -> None:
    """Show the open questions about programs, and answer them.

    A program that runs as you could answer its own question: see docs/consent.md.
    """
    if answer is not None and question_id is None:
        raise bad_usage(
            "an answer is to one question, and none is named",
            "`brokerctl approve` lists them with their ids",
        )
    if watches and (answer is not None or question_id is not None):
        raise bad_usage("--watch answers no question by itself", "brokerctl approve")
    broker = Broker()
    if watches:
        _watch(broker, as_json=as_json)
    elif answer is not None and question_id is not None:
        _answer(broker, question_id, answer, as_json=as_json)
    elif as_json:
        say_json({"questions": _wanted(broker, question_id)})
    else:
        _ask_all(broker, _wanted(broker, question_id))


def _wanted(broker: Broker, question_id: str | None) -> list[Json]:
    """The questions that are meant.

    Raises:
        BrokerError: one was named, and is not open.
    """
    found = open_questions(broker, start=True)
    if question_id is None:
        return found
    named = [one for one in found if text(one, "id") == question_id]
    if not named:
        raise told(errors.UnknownQuestionError(question=question_id))
    return named


def _ask_all(broker: Broker, questions: list[Json]) -> None:
    if not questions:
        tell("no question is open")
    for question in questions:
        _show(question)
        if is_at_terminal():
            _ask(broker, question)
    if questions and not is_at_terminal():
        raise bad_usage(
            "nobody can be asked here",
            "say which question and what: `brokerctl approve ID --once`, or --deny",
        )


def _watch(broker: Broker, *, as_json: bool) -> None:
    if not as_json and not is_at_terminal():
        raise bad_usage("nobody can be asked here", "`--watch --json` tells programs")
    try:
        for event in events(reconnect=True):
            if text(event, "event") != EventKind.QUESTION.value:
                continue
            question = find_question(broker, text(event, "question"))
            if question is None:
                continue
            if as_json:
                say_json(question)
                continue
            _show(question)
            _ask(broker, question)
    except KeyboardInterrupt:  # how a watch ends: nothing went wrong
        tell("")
        sys.exit(INTERRUPTED)


def _show(question: Json) -> None:
    say(f"{title(question)}  [{text(question, 'id')}]")
    shown = details(question)
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        say(f"  {name.ljust(width)}  {value}")
    say(f"  {caution(question)}")


def _ask(broker: Broker, question: Json) -> None:
    """One answer of whoever sits here; that it came too late is told."""
    choices = [one for one in ANSWERS if one in offered(question)]
    answer: str = click.prompt(
        "Your answer",
        type=click.Choice([*choices, LATER]),
        default="deny",
        err=True,
    )
    if answer == LATER:
        return
    try:
        _answer(broker, text(question, "id"), answer, as_json=False)
    except BrokerError as exc:
        if exc.code != "unknown_question":
            raise
        tell_note(exc.detail)


def _answer(broker: Broker, question_id: str, answer: str, *, as_json: bool) -> None:
    answered = give_answer(broker, question_id, answer)
    if as_json:
        say_json(answered)
    else:
        say(DONE[answer])
