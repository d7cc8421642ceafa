"""What an answer of the person's is bound to, and what it covers. Pure."""

from enum import Enum

import msgspec

from broker.model.account import AccountName
from broker.model.peer_facts import Known, PeerFacts
from broker.model.policy import Operation
from broker.model.question import Question
from broker.model.time import Instant, Seconds, UnixTime
from broker.model.token import Scopes

SESSION_IDLE = Seconds(600)
"""After it without a request, an answer for a session counts no more."""

SESSION_LIFE = Seconds(12 * 3600)
"""And after this in any case. Both are 1Password's."""


class Answer(Enum):
    """What the person can say; the value is the word on the wire."""

    ONCE = "once"
    SESSION = "session"
    """For as long as the program's terminal, or its unit, is the same one."""
    ALWAYS = "always"
    DENY = "deny"


class Program(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a program is called, for answers that outlive its process.

    Attributes:
        uid: whose it is: the one boundary there is, where a group shares a socket.
        executable: the file that runs.
        script: what an interpreter seems to run.
        unit: the systemd service. A scope is named for one terminal or one start, and
            would never come again.
        flatpak: the application that it is confined to, and
        snap: likewise: the same file in another one is another program.
        command: what it calls itself, where its file is not known; by that alone
            nothing is remembered.
    """

    uid: int
    executable: str | None = None
    script: str | None = None
    unit: str | None = None
    flatpak: str | None = None
    snap: str | None = None
    command: str | None = None

    @property
    def is_known(self) -> bool:
        """Whether it is told from any other at all."""
        return self.executable is not None


def program_of(facts: PeerFacts) -> Program:
    """What the program is called.

    A name that could not be shown as it is may be another's, too: then its file is as
    good as unknown.
    """
    named = (facts.executable, facts.script, facts.unit, facts.flatpak, facts.snap)
    if facts.executable is None or not all(
        one is None or one.is_whole for one in named
    ):
        return Program(uid=facts.uid, command=_value(facts.command))
    unit = _value(facts.unit)
    return Program(
        uid=facts.uid,
        executable=_value(facts.executable),
        script=_value(facts.script),
        unit=unit if unit is not None and unit.endswith(".service") else None,
        flatpak=_value(facts.flatpak),
        snap=_value(facts.snap),
    )


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Where a program runs: of two that were there at different times, which.

    Attributes:
        place: 'tty pts/3', 'unit backup.service' or 'process 4711', for people, too.
        started: its beginning, see `PeerFacts.started`: the same terminal of another
            day began at another time.
    """

    place: str
    started: int


def session_of(facts: PeerFacts) -> Session | None:
    """The terminal or the unit, else the process itself; None where nothing is known.

    Source: 1Password's app integration security, on what a session is.
    """
    if facts.session_started is not None:
        for name, known in (("tty", facts.tty), ("unit", facts.unit)):
            if known is not None:
                place = f"{name} {known.value}"
                return Session(place=place, started=facts.session_started)
    if facts.pid is not None and facts.started is not None:
        return Session(place=f"process {facts.pid}", started=facts.started)
    return None


class Allowance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What may be had, and by which program: two that are equal are the same thing.

    Attributes:
        account: whose token.
        issuer: URL of the account's issuer, and
        people: who signed in there, and to all that it is made of: another person under
            the same name is another.
        operation: what is asked for.
        scopes: all of them, those of the grant where all that it has is meant: so what
            is granted later is not allowed already.
        resource: what the token is for (RFC 8707), or None.
        socket: which one the program came in on.
        program: which one.
        socket_made_at: when the socket was made, where it is a restricted one: a later
            one of the same name is another, for another host perhaps.
    """

    account: AccountName
    issuer: str
    people: tuple[str, ...]
    operation: Operation
    scopes: Scopes
    resource: str | None
    socket: str
    program: Program
    socket_made_at: UnixTime | None = None

    def covers(self, other: "Allowance") -> bool:
        """Whether whoever may have this may have `other`: the same, or narrower."""
        if not other.scopes and self.scopes:
            return False  # whatever the issuer gives without naming it: not narrower
        return self.scopes >= other.scopes and self == msgspec.structs.replace(
            other, scopes=self.scopes
        )


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is remembered for good.

    Attributes:
        consent_id: by which it is revoked.
        allowance: what it allows.
        given_at: when.
    """

    consent_id: str
    allowance: Allowance
    given_at: UnixTime


class SessionConsent(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is remembered for one session, in memory alone.

    Attributes:
        session: which one.
        given: when.
        used: when it was last of use.
    """

    consent_id: str
    allowance: Allowance
    session: Session
    given: Instant
    used: Instant

    def holds_at(self, now: Instant) -> bool:
        """Whether it still counts; by the boot clock, which nobody can move."""
        return (
            now.boot - self.used.boot < SESSION_IDLE
            and now.boot - self.given.boot < SESSION_LIFE
        )

    @property
    def until(self) -> UnixTime:
        """Until when it counts if it is not used again, on the wall clock."""
        idle_end = self.used.wall + SESSION_IDLE
        return UnixTime(min(idle_end, self.given.wall + SESSION_LIFE))


def answers(question: Question) -> tuple[Answer, ...]:
    """What can be said to a question, the one that is safest last.

    A program that nobody can tell from another is allowed once at most.
    """
    offered = [Answer.ONCE]
    if program_of(question.facts).is_known and not question.every:
        if session_of(question.facts) is not None:
            offered.append(Answer.SESSION)
        offered.append(Answer.ALWAYS)
    return (*offered, Answer.DENY)


def _value(known: Known | None) -> str | None:
    return None if known is None else known.value
