"""The page of a question. All that comes from elsewhere is escaped; no script runs."""

import html

from broker.model.consent import Answer
from broker.model.question_page import QuestionPage
from broker.model.question_words import Detail
from broker.net.pages import STYLE, Page, framed, page_file

_LABELS = {
    Answer.DENY: "Deny",
    Answer.ONCE: "Allow once",
    Answer.SESSION: "This session",
    Answer.ALWAYS: "Always",
}

_STYLE = STYLE + page_file("question.css")


def question_page(shown: QuestionPage, *, path: str, token: str) -> Page:
    """The page.

    Args:
        shown: what it shows.
        path: where its form is sent.
        token: goes back with the form, once.
    """
    words = shown.words
    details = "\n".join(_detail(each) for each in words.details)
    # The first button is the one that the return key presses.
    ordered = sorted(shown.answers, key=lambda each: each is not Answer.DENY)
    buttons = "\n".join(_button(each) for each in ordered)
    content = (
        f"<dl>\n{details}\n</dl>\n"
        f'<p class="caution">{html.escape(words.caution)}</p>\n'
        f'<form method="post" action="{html.escape(path)}" autocomplete="off">\n'
        f'<input type="hidden" name="token" value="{html.escape(token)}">\n'
        f"{buttons}\n</form>"
    )
    return framed(
        name="question",
        title=html.escape(words.title),
        content=content,
        style=_STYLE,
        form_action="'self'",
        # A browser tells no origin where no referrer is to be told.
        referrer_policy="same-origin",
    )


def _detail(detail: Detail) -> str:
    name, value = html.escape(detail.name), html.escape(detail.value)
    return f"<div><dt>{name}</dt><dd><bdi>{value}</bdi></dd></div>"


def _button(answer: Answer) -> str:
    return (
        f'<button name="answer" value="{answer.value}" class="{answer.value}">'
        f"{_LABELS[answer]}</button>"
    )


def _result(name: str, tone: str) -> Page:
    title, _, content = page_file(f"{name}.html").partition("\n")
    return framed(name=tone, title=title, content=content.strip())


ALLOWED = _result("allowed", "success")
DENIED = _result("denied", "refusal")
NOT_TAKEN = _result("not_taken", "failure")
