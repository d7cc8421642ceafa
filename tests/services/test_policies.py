"""The person's policy: sealed, at hand, and closed where it cannot be read."""

import pytest

from broker.model.account import AccountName
from broker.model.errors import StoreFailedError
from broker.model.policy import OPEN, PeerPattern, Policy, Rule, Verdict
from broker.services.policies import Policies
from tests.fakes.store import MemoryStore

POLICY = Policy(
    rules=(
        Rule(
            verdict=Verdict.ASK,
            account=AccountName("work"),
            peer=PeerPattern(executable="/usr/bin/*"),
        ),
    ),
    accounts={AccountName("work"): Verdict.DENY},
)


async def test_a_policy_outlives_the_daemon() -> None:
    store = MemoryStore()
    policies = Policies(store)
    await policies.load()
    assert policies.current is OPEN
    await policies.set(POLICY)
    again = Policies(store)
    await again.load()
    assert again.current == POLICY


async def test_a_policy_that_could_not_be_saved_is_not_in_force() -> None:
    store = MemoryStore()
    policies = Policies(store)
    store.fail_next_save()
    with pytest.raises(StoreFailedError):
        await policies.set(POLICY)
    assert policies.current is OPEN


@pytest.mark.parametrize("text", [None, "{", '{"default":"perhaps"}', "[]"])
async def test_a_policy_that_cannot_be_read_allows_nothing_until_another_is_set(
    text: str | None,
) -> None:
    store = MemoryStore()
    if text is None:
        store.damaged_settings.add("policy")
    else:
        store.settings["policy"] = text
    policies = Policies(store)
    await policies.load()
    assert policies.is_damaged
    assert policies.current.default is Verdict.DENY
    await policies.set(POLICY)
    assert policies.current == POLICY
    assert not policies.is_damaged
