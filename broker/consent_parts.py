"""The parts of asking a person about programs, introduced to each other.

Most daemons never ask: they do without all that is imported here.
"""

import secrets
from pathlib import Path

from broker.host import SystemClock
from broker.model.late import Late
from broker.model.question_words import ScopeWords, parse_scope_words
from broker.net.question_site import QuestionSites
from broker.services.consents import Consents
from broker.services.events import Events
from broker.services.interfaces import Recorder
from broker.services.question_pages import QuestionPages
from broker.services.remembering import Remembering
from broker.services.vault import Vault


class ConsentParts:
    """Everything that asks, and remembers what was said.

    Attributes:
        consents: questions and answers.
        pages: what shows a question in a browser.
    """

    def __init__(
        self, *, vault: Vault, clock: SystemClock, events: Events, recorder: Recorder
    ) -> None:
        self.consents = Consents(
            vault=vault,
            clock=clock,
            events=events,
            recorder=recorder,
            remembering=Remembering(
                vault=vault, clock=clock, random=secrets.token_bytes
            ),
            scope_words=Late(_shipped_scope_words),
        )
        self.pages = QuestionPages(self.consents, QuestionSites())


def _shipped_scope_words() -> ScopeWords:
    text = Path(__file__).with_name("scopes.toml").read_text("utf-8")
    return parse_scope_words(text)
