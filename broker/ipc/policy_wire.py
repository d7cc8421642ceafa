"""The policy on the socket, as typed values. Pure: no network, no clock.

The shapes are those of clients/PROTOCOL.md.
"""

import msgspec

from broker.ipc.wire import Request, parse_scopes
from broker.model.account import parse_account_name
from broker.model.errors import BadRequestError
from broker.model.policy import (
    Decision,
    Labels,
    Operation,
    PeerPattern,
    Policy,
    Rule,
    Verdict,
)
from broker.model.restriction import FOR_RESTRICTED
from broker.oauth.token_request import parse_resource
from broker.services.served import TokenWanted

MOST_RULES = 256
LONGEST_PATTERN = 512
"""Characters."""

_VERDICTS = {verdict.value: verdict for verdict in Verdict}


class PeerBody(Request, frozen=True):
    """Which programs: `peer` of a rule, or `labels` of a test."""

    executable: str | None = None
    command: str | None = None
    script: str | None = None
    unit: str | None = None
    flatpak: str | None = None
    snap: str | None = None
    tty: str | None = None


class RuleBody(Request, frozen=True):
    """A rule of `PUT /v1/policy`."""

    verdict: str
    account: str | None = None
    peer: PeerBody | None = None


class PolicyBody(Request, frozen=True):
    """`PUT /v1/policy`."""

    rules: list[RuleBody] = msgspec.field(default_factory=list)
    accounts: dict[str, str] = msgspec.field(default_factory=dict)
    default: str = Verdict.ALLOW.value


class DecisionBody(Request, frozen=True):
    """`POST /v1/policy/test`."""

    account: str
    labels: PeerBody | None = None
    pid: int | None = None
    socket: str | None = None
    operation: str = Operation.TOKEN.value
    scopes: list[str] | None = None
    resource: str | None = None


def policy_wanted(body: PolicyBody) -> Policy:
    """The policy.

    Raises:
        BadRequestError: a verdict, a name or a pattern is none.
    """
    if len(body.rules) > MOST_RULES:
        raise BadRequestError(what=f"a policy has {MOST_RULES} rules at most")
    return Policy(
        rules=tuple(_rule(each) for each in body.rules),
        accounts={
            parse_account_name(name): _verdict(verdict)
            for name, verdict in body.accounts.items()
        },
        default=_verdict(body.default),
    )


def labels_wanted(body: PeerBody) -> Labels:
    """What a test says of a program."""
    return _pattern(body).named()


def request_tested(body: DecisionBody) -> tuple[Operation, TokenWanted]:
    """The request that is asked about.

    Raises:
        BadRequestError: a member is none, or needs a socket that was not named.
    """
    if body.socket is None and body != DecisionBody(
        account=body.account, labels=body.labels, pid=body.pid
    ):
        what = "operation, scopes and resource are of a request on a socket: name it"
        raise BadRequestError(what=what)
    if body.socket is not None and (body.labels, body.pid) != (None, None):
        what = "a socket's peers are told apart by nothing: leave labels and pid out"
        raise BadRequestError(what=what)
    known = {each.value: each for each in FOR_RESTRICTED}
    if body.operation not in known:
        names = ", ".join(sorted(known))
        raise BadRequestError(what=f"operation is one of: {names}")
    scopes, resource = body.scopes, body.resource
    return known[body.operation], TokenWanted(
        account=parse_account_name(body.account),
        scopes=None if scopes is None else frozenset(parse_scopes(scopes)),
        resource=None if resource is None else parse_resource(resource),
    )


def policy_reply(policy: Policy, *, is_damaged: bool) -> dict[str, object]:
    """Answer of `GET` and `PUT /v1/policy`."""
    return {
        "rules": [_rule_reply(rule) for rule in policy.rules],
        "accounts": {name: each.value for name, each in policy.accounts.items()},
        "default": policy.default.value,
        "damaged": is_damaged,
    }


def decision_reply(decision: Decision, known: Labels) -> dict[str, object]:
    """Answer of `POST /v1/policy/test`."""
    return {
        "verdict": decision.verdict.value,
        "rule": decision.rule,
        "why": decision.why,
        "labels": dict(known),
    }


def _rule(body: RuleBody) -> Rule:
    name = body.account
    return Rule(
        verdict=_verdict(body.verdict),
        account=None if name is None else parse_account_name(name),
        peer=None if body.peer is None else _named(_pattern(body.peer)),
    )


def _named(pattern: PeerPattern) -> PeerPattern:
    # It would be about every program, and surely is not meant so.
    if not pattern.named():
        raise BadRequestError(what="peer names one label at least, or is left out")
    return pattern


def _pattern(body: PeerBody) -> PeerPattern:
    values = msgspec.structs.asdict(body)
    for name, value in values.items():
        if value is not None and not 0 < len(value) <= LONGEST_PATTERN:
            what = f"{name} has 1 to {LONGEST_PATTERN} characters"
            raise BadRequestError(what=what)
    return PeerPattern(**values)


def _verdict(text: str) -> Verdict:
    if text not in _VERDICTS:
        raise BadRequestError(what="a verdict is allow, ask or deny")
    return _VERDICTS[text]


def _rule_reply(rule: Rule) -> dict[str, object]:
    return {
        "verdict": rule.verdict.value,
        "account": rule.account,
        "peer": None if rule.peer is None else rule.peer.named(),
    }
