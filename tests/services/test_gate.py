"""Between whoever asks and the tokens: the socket, the policy, the person."""

import logging
import socket
from collections.abc import Iterator

import msgspec
import pytest

from broker.model.account import AccountName
from broker.model.errors import ConsentPendingError, NotPermittedError
from broker.model.peer import Peer, Socket
from broker.model.peer_facts import Certainty, Known, PeerFacts
from broker.model.policy import (
    Decision,
    Operation,
    PeerPattern,
    Policy,
    Rule,
    Verdict,
)
from broker.model.restriction import Confirm, Rate, Restriction, SocketName
from broker.model.time import Seconds, UnixTime
from broker.services.gate import Asker, by_socket
from broker.services.served import TokenWanted
from broker.services.socket_records import SocketRecord
from tests.services.world import (
    HOME,
    PERSON,
    WORK,
    World,
    a_bound_grant,
    a_grant,
    a_world,
    token_answer,
)

ANY = TokenWanted()
CI = Restriction(name=SocketName("ci"), accounts=(WORK,), made_at=UnixTime(0))


def on(**changes: object) -> Asker:
    restriction = msgspec.structs.replace(CI, **changes)
    door = Socket(name="ci", owner_uid=1000, restriction=restriction)
    return Asker(socket=door, peer=Peer(uid=1000, pid=4711))


@pytest.fixture
def connected() -> Iterator[socket.socket]:
    with socket.socket() as made:
        yield made


async def with_token(policy: Policy | None = None) -> World:
    """A world whose one account has a token at hand."""
    world = await a_world(a_grant())
    world.sender.script(token_answer(scope="drive mail"))
    await world.access.token(PERSON, ANY)
    if policy is not None:
        assert world.vault.opened is not None
        await world.vault.opened.policies.set(policy)
    return world


async def test_a_denied_program_gets_nothing_and_the_rule_is_named(
    connected: socket.socket,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rule = Rule(verdict=Verdict.DENY, peer=PeerPattern(executable="/usr/bin/agent"))
    world = await with_token(Policy(rules=(rule,)))
    claim = Known("/usr/bin/agent", Certainty.CLAIM)
    world.looker.facts = PeerFacts(uid=1000, executable=claim)
    asker = msgspec.structs.replace(PERSON, connected=connected)
    with pytest.raises(NotPermittedError) as caught:
        world.access.cached_token(asker, ANY)
    assert "rule 1" in caught.value.what
    with pytest.raises(NotPermittedError):
        await world.access.token(asker, ANY)
    assert "access.refused" in caplog.text
    world.looker.facts = None
    assert world.access.cached_token(asker, ANY) is not None


async def test_no_program_is_looked_at_where_no_rule_needs_it(
    connected: socket.socket,
) -> None:
    world = await with_token(Policy(accounts={HOME: Verdict.DENY}))
    asker = msgspec.structs.replace(PERSON, connected=connected)
    assert world.access.cached_token(asker, ANY) is not None
    assert world.looker.looks == 0


async def test_what_is_to_be_asked_waits_and_is_served_once_allowed() -> None:
    world = await with_token(Policy(default=Verdict.ASK))
    assert world.access.cached_token(PERSON, ANY) is None
    with pytest.raises(ConsentPendingError):
        await world.access.token(PERSON, ANY)
    world.consent.allowed.add(WORK)
    served = await world.access.token(PERSON, ANY)
    assert served.token.value.reveal() == "access-1"
    question = world.consent.asked[-1]
    assert (question.account, question.socket) == (WORK, "admin")
    assert question.facts.pid == 4711


async def test_the_account_that_was_asked_about_is_the_one_that_is_served() -> None:
    world = await with_token(Policy(default=Verdict.ASK))
    world.consent.allowed.add(WORK)
    # Whatever is the default by then.
    passed = await world.access.pass_for(PERSON, Operation.TOKEN, ANY)
    assert passed.account == WORK


async def test_a_question_tells_one_socket_from_the_next_of_its_name() -> None:
    world = await with_token()
    world.consent.allowed.add(WORK)
    for made_at in (UnixTime(5), UnixTime(6)):
        asker = on(confirm=Confirm.FIRST, made_at=made_at)
        await world.access.token(asker, ANY)
        assert world.consent.asked[-1].socket_made_at == made_at


async def test_a_remembered_answer_is_as_quick_as_none() -> None:
    world = await with_token(Policy(default=Verdict.ASK))
    world.consent.remembered.add(WORK)
    assert world.access.cached_token(PERSON, ANY) is not None


async def test_a_person_who_says_no_is_obeyed() -> None:
    world = await with_token(Policy(default=Verdict.ASK))
    world.consent.denied.add(WORK)
    with pytest.raises(NotPermittedError):
        await world.access.token(PERSON, ANY)


async def test_the_policy_is_the_admin_sockets_and_a_restricted_one_has_its_own() -> (
    None
):
    world = await with_token(Policy(default=Verdict.DENY))
    assert world.access.cached_token(on(), ANY) is not None


async def test_other_accounts_do_not_exist_on_a_restricted_socket() -> None:
    world = await a_world(a_grant(), a_grant(HOME))
    said = set()
    for name in (HOME, AccountName("nobody")):
        with pytest.raises(NotPermittedError) as caught:
            await world.access.token(on(), TokenWanted(account=name))
        said.add(caught.value.what.replace(name, "that one"))
    assert len(said) == 1


async def test_a_first_use_is_asked_about_and_every_use_where_that_was_chosen() -> None:
    world = await with_token()
    world.consent.allowed.add(WORK)
    await world.access.token(on(confirm=Confirm.FIRST), ANY)
    assert not world.consent.asked[-1].every
    world.consent.remembered.add(WORK)
    assert world.access.cached_token(on(confirm=Confirm.FIRST), ANY) is not None
    assert world.access.cached_token(on(confirm=Confirm.ALWAYS), ANY) is None
    await world.access.token(on(confirm=Confirm.ALWAYS), ANY)
    assert world.consent.asked[-1].every


async def test_tokens_on_a_socket_with_a_rate_are_counted_when_handed_out() -> None:
    world = await with_token()
    asker = on(rate=Rate(most=1, seconds=Seconds(60)))
    assert world.access.cached_token(asker, ANY) is not None
    assert world.usage.counted == ["ci"]
    world.usage.is_spent = True
    with pytest.raises(NotPermittedError):
        world.access.cached_token(asker, ANY)


async def test_a_use_is_saved_before_its_token_is_handed_out() -> None:
    world = await with_token()
    asker = on(uses=1)
    assert world.access.cached_token(asker, ANY) is None
    await world.access.token(asker, ANY)
    assert world.usage.used == ["ci"]
    world.usage.is_spent = True
    with pytest.raises(NotPermittedError):
        await world.access.token(asker, ANY)


async def test_a_narrower_end_is_told_on_a_socket_and_the_true_one_elsewhere() -> None:
    world = await with_token()
    capped = world.access.cached_token(
        on(max_ttl=Seconds(60)), TokenWanted(account=WORK)
    )
    whole = world.access.cached_token(PERSON, TokenWanted(account=WORK))
    assert capped is not None
    assert whole is not None
    assert capped.token.expires_at == world.clock.now().wall + 60
    assert whole.token.expires_at == world.clock.now().wall + 3600


async def test_proofs_go_with_a_token_and_are_not_asked_about() -> None:
    world = await a_world(a_bound_grant())
    asker = on(confirm=Confirm.ALWAYS, operations=frozenset({Operation.DPOP_PROOF}))
    assert world.access.grant_of(asker, None).account.name == WORK
    with pytest.raises(NotPermittedError):
        world.access.grant_of(on(), None)


async def test_what_goes_beside_a_token_passes_the_same_gate() -> None:
    world = await with_token(Policy(default=Verdict.DENY))
    with pytest.raises(NotPermittedError):
        await world.access.pass_for(PERSON, Operation.ID_TOKEN, ANY)
    asker = on(operations=frozenset({Operation.ID_TOKEN}), uses=2)
    passed = await world.access.pass_for(asker, Operation.ID_TOKEN, ANY)
    assert passed.account == WORK
    assert (world.usage.counted, world.usage.used) == (["ci"], [])
    await world.access.use_up(asker)
    assert world.usage.used == ["ci"]


async def test_what_goes_beside_a_token_is_asked_about_but_for_proofs() -> None:
    world = await with_token(Policy(default=Verdict.ASK))
    wanted = TokenWanted(account=WORK, resource="https://api.example")
    with pytest.raises(ConsentPendingError):
        await world.access.pass_for(PERSON, Operation.ID_TOKEN, wanted)
    asked = world.consent.asked[-1]
    assert (asked.operation, asked.resource) == (
        Operation.ID_TOKEN,
        "https://api.example",
    )


async def test_a_question_says_which_socket_it_came_in_on() -> None:
    world = await with_token()
    with pytest.raises(ConsentPendingError):
        await world.access.token(on(confirm=Confirm.FIRST), ANY)
    asked = world.consent.asked[-1]
    assert (asked.socket, asked.socket_made_at) == ("ci", CI.made_at)


async def test_the_account_that_was_asked_about_is_served_whatever_is_meant_then() -> (
    None
):
    world = await a_world(a_grant(), a_grant(HOME))
    opened = world.vault.require_open()
    await opened.policies.set(Policy(default=Verdict.ASK))
    await opened.grants.set_default(WORK)
    world.consent.allowed.add(WORK)
    passage = await world.access._gate.wait(opened, PERSON, Operation.TOKEN, ANY)
    assert passage.wanted.account == WORK


async def test_of_what_is_over_the_rate_no_issuer_hears() -> None:
    world = await a_world(a_grant())
    world.usage.is_spent = True
    for limit in ({"rate": Rate(most=1, seconds=Seconds(60))}, {"uses": 1}):
        with pytest.raises(NotPermittedError, match="spent"):
            await world.access.token(on(**limit), ANY)
    assert world.sender.requests == []


async def test_a_peer_of_another_user_is_refused_on_a_restricted_socket_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    world = await with_token()
    stranger = msgspec.structs.replace(on(), peer=Peer(uid=1001))
    with pytest.raises(NotPermittedError):
        world.access.cached_token(stranger, ANY)
    member = msgspec.structs.replace(on(group="builders"), peer=Peer(uid=1001))
    assert world.access.cached_token(member, ANY) is not None
    assert "socket=ci uid=1001" in caplog.text


async def test_what_is_refused_after_all_costs_no_use() -> None:
    world = await a_world(a_grant())
    world.sender.script(token_answer(scope="drive mail"))
    asker = on(uses=1, scopes=frozenset({"drive"}))
    with pytest.raises(NotPermittedError, match="can always do more"):
        await world.access.token(asker, ANY)
    assert world.usage.used == []


@pytest.mark.parametrize(
    ("operation", "wanted", "why"),
    [
        (Operation.TOKEN, TokenWanted(account=HOME), "the account 'home'"),
        (Operation.TOKEN, TokenWanted(scopes=frozenset({"mail"})), "the scopes mail"),
        (Operation.LOGIN, ANY, "login"),
    ],
)
def test_a_socket_says_why_it_refuses_what_it_refuses(
    operation: Operation, wanted: TokenWanted, why: str
) -> None:
    own = msgspec.structs.replace(CI, scopes=frozenset({"drive"}))
    decided = by_socket(SocketRecord(restriction=own), operation, wanted)
    assert (decided.verdict, decided.rule) == (Verdict.DENY, "socket ci")
    assert decided.why is not None
    assert why in decided.why


def test_a_socket_says_what_becomes_of_the_rest() -> None:
    def decided(used: int = 0, **changes: object) -> Decision:
        own = msgspec.structs.replace(CI, **changes)
        record = SocketRecord(restriction=own, used=used)
        return by_socket(record, Operation.TOKEN, ANY)

    assert decided().verdict is Verdict.ALLOW
    assert decided(confirm=Confirm.FIRST).verdict is Verdict.ASK
    assert decided(uses=1).verdict is Verdict.ALLOW
    assert "has given them" in str(decided(used=1, uses=1).why)
