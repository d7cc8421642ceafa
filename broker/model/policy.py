"""Who may do what. Pure: the same question has the same answer.

The socket decides first (`model.restriction`), then the policy: the person's rules, the
first that matches wins. What a rule says of programs is a label that another program of
the same user can imitate, never a wall.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from fnmatch import fnmatchcase
from functools import cache

import msgspec

from broker.model.account import AccountName
from broker.model.peer_facts import PeerFacts


class Operation(Enum):
    """What a peer can ask for; the value is the name on the wire."""

    TOKEN = "token"  # noqa: S105 - the name of an operation
    """An access token."""
    ID_TOKEN = "id-token"  # noqa: S105 - as above
    """An ID token."""
    DPOP_PROOF = "dpop-proof"
    """A proof that goes with a bound token (RFC 9449)."""
    LOGIN = "login"
    """A sign-in of an account."""
    ACCOUNTS = "accounts"
    """Which accounts there are; on a restricted socket, its own."""
    LIST = "list"
    """Status, events, issuers."""
    MANAGE = "manage"
    """All else: log-outs, sockets, policy, the store, the daemon itself."""


class Verdict(Enum):
    """What is to become of a request."""

    ALLOW = "allow"
    ASK = "ask"
    """The person is asked, see `services.gate`."""
    DENY = "deny"


Labels = Mapping[str, str]
"""What is known of the program that asks, by the names of `PeerPattern`'s fields."""


class PeerPattern(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which programs a rule is about: all that is named here must match.

    Each is a shell pattern (`fnmatch`: `*`, `?`, `[abc]`), case and all; None says
    nothing. A label that is not known matches no pattern.

    Attributes:
        executable: such as '/usr/bin/python3*'.
        command: the name that the program gives itself (comm).
        script: what an interpreter seems to run.
        unit: of systemd, such as 'backup.service'.
        flatpak: the id of a Flatpak application.
        snap: the name of a snap.
        tty: the terminal, such as 'pts/3'.
    """

    executable: str | None = None
    command: str | None = None
    script: str | None = None
    unit: str | None = None
    flatpak: str | None = None
    snap: str | None = None
    tty: str | None = None

    def named(self) -> dict[str, str]:
        """What is named, by the label that it is about."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: value for name, value in values.items() if value is not None}

    def matches(self, labels: Labels) -> bool:
        """Whether this is such a program."""
        return all(
            name in labels and fnmatchcase(labels[name], pattern)
            for name, pattern in self.named().items()
        )


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a policy.

    Attributes:
        verdict: of the requests that it is about.
        account: whose tokens; None for everybody's.
        peer: which programs; None for all.
    """

    verdict: Verdict
    account: AccountName | None = None
    peer: PeerPattern | None = None


class Policy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the person has decided about the admin socket.

    Attributes:
        rules: the first that matches decides.
        accounts: what becomes of the rest, by account.
        default: and of the rest of that.
    """

    rules: tuple[Rule, ...] = ()
    accounts: dict[AccountName, Verdict] = {}
    default: Verdict = Verdict.ALLOW

    @property
    def is_open(self) -> bool:
        """Whether it allows everything, so that nothing need be looked up."""
        return not (self.rules or self.accounts) and self.default is Verdict.ALLOW


OPEN = Policy()
"""Before the person has decided anything: all programs of the user's, everything."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict, and by which rule: the audit names it.

    Attributes:
        why: more, for people, where the rule does not say it.
    """

    verdict: Verdict
    rule: str
    why: str | None = None


def labels(facts: PeerFacts) -> Labels:
    """The labels of a program, however sure each is."""
    known = {name: getattr(facts, name) for name in PeerPattern.__struct_fields__}
    return {name: label.value for name, label in known.items() if label is not None}


def decide(
    policy: Policy, account: AccountName, look: Callable[[], Labels]
) -> Decision:
    """What is to become of a request for a token of `account`.

    Args:
        policy: the person's.
        account: whose token.
        look: the labels of the program that asks; called when a rule first needs
            them, and never again.
    """
    known: Labels | None = None
    for number, rule in enumerate(policy.rules, start=1):
        if rule.account not in (None, account):
            continue
        if rule.peer is not None:
            known = look() if known is None else known
            if not rule.peer.matches(known):
                continue
        return Decision(verdict=rule.verdict, rule=f"rule {number}")
    verdict = policy.accounts.get(account)
    if verdict is not None:
        return Decision(verdict=verdict, rule=f"default of {account}")
    return Decision(verdict=policy.default, rule="default")


_STRICTEST_FIRST = (Verdict.DENY, Verdict.ASK, Verdict.ALLOW)


def strictest(
    policy: Policy, accounts: Sequence[AccountName], look: Callable[[], Labels]
) -> Decision:
    """What is to become of a request for a token that is of all these accounts.

    A view is another name for the same tokens: what is denied of an account is not to
    be had under another name. Each has its decision, and the strictest counts; of two
    alike the first.

    Args:
        policy: the person's.
        accounts: one at least, see `lineage.same_tokens`.
        look: as for `decide`.
    """
    once = cache(look)
    decisions = [decide(policy, account, once) for account in accounts]
    return min(decisions, key=lambda each: _STRICTEST_FIRST.index(each.verdict))
