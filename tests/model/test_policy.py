"""Who may do what: the first rule that matches."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.model.account import AccountName
from broker.model.peer_facts import Certainty, Known, PeerFacts
from broker.model.policy import (
    OPEN,
    Decision,
    PeerPattern,
    Policy,
    Rule,
    Verdict,
    decide,
    labels,
    strictest,
)

WORK, HOME = AccountName("work"), AccountName("home")
BACKUP = {"executable": "/usr/bin/backup", "unit": "backup.service"}


def verdict(
    policy: Policy, account: AccountName = WORK, known: Mapping[str, str] = BACKUP
) -> Decision:
    return decide(policy, account, lambda: known)


def never() -> Mapping[str, str]:
    raise AssertionError("no rule needs to know")


def test_before_the_person_has_decided_anything_all_is_allowed() -> None:
    assert OPEN.is_open
    assert decide(OPEN, WORK, never) == Decision(verdict=Verdict.ALLOW, rule="default")


def test_the_first_rule_that_matches_wins() -> None:
    deny = Rule(verdict=Verdict.DENY, peer=PeerPattern(unit="backup.service"))
    policy = Policy(rules=(deny, Rule(verdict=Verdict.ALLOW)), default=Verdict.ASK)
    assert verdict(policy).rule == "rule 1"
    assert verdict(policy).verdict is Verdict.DENY
    assert verdict(policy, known={}).rule == "rule 2"


def test_an_account_has_a_default_of_its_own() -> None:
    policy = Policy(accounts={WORK: Verdict.ASK}, default=Verdict.DENY)
    assert verdict(policy) == Decision(verdict=Verdict.ASK, rule="default of work")
    assert verdict(policy, HOME) == Decision(verdict=Verdict.DENY, rule="default")


def test_a_rule_for_one_account_is_not_about_another() -> None:
    policy = Policy(rules=(Rule(verdict=Verdict.DENY, account=WORK),))
    assert verdict(policy).verdict is Verdict.DENY
    assert verdict(policy, HOME).verdict is Verdict.ALLOW


def test_a_program_is_looked_at_once_and_only_where_a_rule_asks() -> None:
    about_home = Rule(verdict=Verdict.DENY, account=HOME, peer=PeerPattern(command="x"))
    about_programs = tuple(
        Rule(verdict=Verdict.DENY, peer=PeerPattern(command=name)) for name in "ab"
    )
    looks = []

    def look() -> Mapping[str, str]:
        looks.append(1)
        return {}

    decide(Policy(rules=(about_home,)), WORK, never)
    decide(Policy(rules=about_programs), WORK, look)
    assert len(looks) == 1


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        (PeerPattern(), True),
        (PeerPattern(executable="/usr/bin/*"), True),
        (PeerPattern(executable="/usr/bin/*", unit="backup.service"), True),
        (PeerPattern(executable="/usr/bin/*", unit="other.service"), False),
        (PeerPattern(executable="/USR/bin/*"), False),
        (PeerPattern(tty="*"), False),
    ],
)
def test_all_that_a_pattern_names_must_match(
    pattern: PeerPattern,
    matches: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert pattern.matches(BACKUP) is matches


def test_the_labels_of_a_program_are_what_is_known_of_it() -> None:
    facts = PeerFacts(
        uid=1000,
        executable=Known("/usr/bin/backup", Certainty.CLAIM),
        script=Known("x.py", Certainty.GUESS),
    )
    assert labels(facts) == {"executable": "/usr/bin/backup", "script": "x.py"}
    assert labels(PeerFacts(uid=1000, pid=7)) == {}


_VERDICTS = st.sampled_from(Verdict)
_ACCOUNTS = st.sampled_from((WORK, HOME))
_TEXTS = st.sampled_from(("a", "b", "ab", "*", "a*", "?"))
_PEERS = st.builds(PeerPattern, executable=st.none() | _TEXTS, unit=st.none() | _TEXTS)
_RULES = st.builds(
    Rule,
    verdict=_VERDICTS,
    account=st.none() | _ACCOUNTS,
    peer=st.none() | _PEERS,
)
_POLICIES = st.builds(
    Policy,
    rules=st.lists(_RULES, max_size=5).map(tuple),
    accounts=st.dictionaries(_ACCOUNTS, _VERDICTS),
    default=_VERDICTS,
)
_LABELS = st.dictionaries(st.sampled_from(("executable", "unit")), _TEXTS)


def reference(policy: Policy, account: str, known: Mapping[str, str]) -> Verdict:
    for rule in policy.rules:
        wanted = rule.peer.named() if rule.peer else {}
        is_his = rule.account is None or rule.account == account
        if is_his and all(
            fnmatchcase(known.get(n, "\0"), p) and n in known for n, p in wanted.items()
        ):
            return rule.verdict
    return policy.accounts.get(AccountName(account), policy.default)


@given(policy=_POLICIES, account=_ACCOUNTS, known=_LABELS)
def test_every_decision_is_that_of_the_reference(
    policy: Policy, account: AccountName, known: dict[str, str]
) -> None:
    decision = decide(policy, account, lambda: known)
    assert decision.verdict is reference(policy, account, known)
    if policy.is_open:
        assert decision.verdict is Verdict.ALLOW


VIEW = AccountName("view")


def test_of_a_token_that_is_of_several_accounts_the_strictest_word_counts() -> None:
    policy = Policy(accounts={WORK: Verdict.DENY, VIEW: Verdict.ALLOW})
    decided = strictest(policy, (VIEW, WORK), never)
    assert decided == Decision(verdict=Verdict.DENY, rule="default of work")
    assert strictest(policy, (VIEW,), never).verdict is Verdict.ALLOW
    asking = Policy(accounts={VIEW: Verdict.ASK, WORK: Verdict.ALLOW})
    assert strictest(asking, (VIEW, WORK), never).verdict is Verdict.ASK


def test_whoever_asks_for_a_view_is_looked_at_once() -> None:
    looks = []

    def look() -> Mapping[str, str]:
        looks.append(1)
        return {}

    rule = Rule(verdict=Verdict.DENY, peer=PeerPattern(command="x"))
    strictest(Policy(rules=(rule,)), (VIEW, WORK), look)
    assert len(looks) == 1


@given(policy=_POLICIES, accounts=st.lists(_ACCOUNTS, min_size=1, max_size=3))
def test_another_name_for_a_token_never_gives_more(
    policy: Policy, accounts: list[AccountName]
) -> None:
    order = [Verdict.ALLOW, Verdict.ASK, Verdict.DENY]
    decided = strictest(policy, accounts, lambda: BACKUP).verdict
    each = [decide(policy, one, lambda: BACKUP).verdict for one in accounts]
    assert order.index(decided) == max(order.index(one) for one in each)
