"""Who got what: one entry, and its line of the log. Knows no file and no key.

A line is a JSON object:

    {"at": 1700000000.123, "operation": "token", "result": "served",
     "socket": "admin", "account": "work", "scopes": "a b", "resource": "https://…",
     "rule": "default", "code": "…", "times": 12,
     "peer": {"uid": 1000, "pid": 4711, "claims": {"executable": "/usr/bin/curl"},
              "guesses": {"script": "backup.py"}}}

What is not known is left out. No token, code or secret is ever in it; names are in
clear. `times` is how often the same was asked for in the half second after `at`, or
until it could be written.
"""

from collections.abc import Mapping
from enum import Enum

import msgspec

from broker.model.account import AccountName
from broker.model.errors import BrokerError, ConsentPendingError, NotPermittedError
from broker.model.peer_facts import NAMES, Certainty, PeerFacts
from broker.model.text import safe_text
from broker.model.time import UnixTime
from broker.model.token import Scopes

_LONG_CHARACTERS = 1000
"""Of scopes, and of what is said for people."""

_NUMBER_DIGITS = 3


class Result(Enum):
    """What became of it."""

    SERVED = "served"
    """A token or a proof was handed out."""
    DONE = "done"
    """What was asked for was done, or begun."""
    ASKED = "asked"
    """The person is asked, and has not answered yet."""
    DENIED = "denied"
    """The socket, a rule or the person is against it."""
    REFUSED = "refused"
    """It could not be had or done: the code of the error says why."""
    NOTED = "noted"
    """Nobody asked: it happened."""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was asked for, or that happened.

    Attributes:
        operation: 'token', or what is done, such as 'account.log_out'.
        result: what became of it.
        socket: the name of the socket that it came in on; None where nobody asked.
        peer: who asked.
        account: whose.
        scopes: of the token that was handed out; of what was not, what was asked for,
            None for all.
        resource: RFC 8707, or None.
        rule: by which it was let through or denied, or None.
        code: of the error, where it was not handed out or done.
        detail: more, for people.
    """

    operation: str
    result: Result
    socket: str | None = None
    peer: PeerFacts | None = None
    account: AccountName | None = None
    scopes: Scopes | None = None
    resource: str | None = None
    rule: str | None = None
    code: str | None = None
    detail: str | None = None

    @property
    def sameness(self) -> tuple[object, ...]:
        """Equal for entries that differ in their moment alone.

        A peer is the same where it is the same object: whoever looks it up keeps it.
        """
        return (
            self.operation,
            self.result,
            self.socket,
            id(self.peer),
            self.account,
            self.scopes,
            self.resource,
            self.rule,
            self.code,
            self.detail,
        )


def result_of(error: BrokerError) -> Result:
    """What became of a request that ended with this error."""
    if isinstance(error, ConsentPendingError):
        return Result.ASKED
    if isinstance(error, NotPermittedError):
        return Result.DENIED
    return Result.REFUSED


_MERGED = "and more, for other things"


def merged(entry: AuditEntry) -> AuditEntry:
    """What stands for many such entries of one program: without what they asked for."""
    return msgspec.structs.replace(
        entry, account=None, scopes=None, resource=None, rule=None, detail=_MERGED
    )


def audit_body(entry: AuditEntry, at: UnixTime, times: int = 1) -> bytes:
    """The line of `entry`, without what chains it; ends in '}'.

    Args:
        entry: whatever peers have named in it is made safe to show.
        at: when it first happened.
        times: how often.
    """
    members: dict[str, object] = {
        "at": round(at, _NUMBER_DIGITS),
        "operation": entry.operation,
        "result": entry.result.value,
    }
    for name in ("socket", "account", "resource", "rule", "code"):
        value = getattr(entry, name)
        if value is not None:
            members[name] = safe_text(value)
    if entry.detail is not None:
        members["detail"] = safe_text(entry.detail, _LONG_CHARACTERS)
    if entry.scopes is not None:
        members["scopes"] = safe_text(" ".join(sorted(entry.scopes)), _LONG_CHARACTERS)
    if times != 1:
        members["times"] = times
    if entry.peer is not None:
        members["peer"] = _peer(entry.peer)
    return msgspec.json.encode(members)


def gap_body(lost: int, since: UnixTime, until: UnixTime, why: str) -> bytes:
    """The line that stands for entries that could not be written."""
    return msgspec.json.encode(
        {
            "at": round(until, _NUMBER_DIGITS),
            "operation": "audit.gap",
            "result": Result.NOTED.value,
            "lost": lost,
            "since": round(since, _NUMBER_DIGITS),
            "detail": safe_text(why),
        }
    )


def _peer(facts: PeerFacts) -> Mapping[str, object]:
    members: dict[str, object] = {"uid": facts.uid}
    if facts.pid is not None:
        members["pid"] = facts.pid
    if facts.has_exited:
        members["has_exited"] = True
    claims, guesses = _known(facts, Certainty.CLAIM), _known(facts, Certainty.GUESS)
    if claims:
        members["claims"] = claims
    if guesses:
        members["guesses"] = guesses
    return members


def _known(facts: PeerFacts, certainty: Certainty) -> dict[str, str]:
    all_known = {name: getattr(facts, name) for name in NAMES}
    return {
        name: known.value
        for name, known in all_known.items()
        if known is not None and known.certainty is certainty
    }
