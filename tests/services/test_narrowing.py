"""A request on a restricted socket: nothing that is sent widens what it is for."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.model.account import AccountName
from broker.model.errors import AccountNeededError, NotPermittedError
from broker.model.policy import Operation
from broker.model.restriction import Restriction, SocketName
from broker.model.secret import Secret
from broker.model.time import Instant, Seconds, UnixTime
from broker.model.token import AccessToken
from broker.services.narrowing import narrowed, within
from broker.services.served import TokenServed, TokenWanted
from tests.services.world import HOME, WORK

CI = Restriction(
    name=SocketName("ci"),
    accounts=(WORK,),
    scopes=frozenset({"read", "list"}),
    resource="https://api.example",
    made_at=UnixTime(0),
)


def but(**changes: object) -> Restriction:
    return msgspec.structs.replace(CI, **changes)


def narrow(restriction: Restriction, wanted: TokenWanted) -> TokenWanted:
    return narrowed(restriction, Operation.TOKEN, wanted)


def test_what_a_request_leaves_out_the_socket_fills_in() -> None:
    passed = narrow(CI, TokenWanted(min_ttl=Seconds(9)))
    assert passed == TokenWanted(
        account=WORK,
        scopes=CI.scopes,
        resource=CI.resource,
        min_ttl=Seconds(9),
    )


def test_a_narrower_request_stays_as_it_is() -> None:
    wanted = TokenWanted(account=WORK, scopes=frozenset({"read"}), resource=CI.resource)
    assert narrow(CI, wanted) == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        TokenWanted(account=HOME),
        TokenWanted(account=AccountName("nobody")),
        TokenWanted(scopes=frozenset({"read", "write"})),
        TokenWanted(resource="https://other.example"),
        TokenWanted(resource="https://api.example.evil.example"),
    ],
)
def test_more_than_the_socket_is_for_is_refused(wanted: TokenWanted) -> None:
    with pytest.raises(NotPermittedError) as caught:
        narrow(CI, wanted)
    assert "'ci' is not for that" in caught.value.what


@pytest.mark.parametrize("operation", set(Operation) - {Operation.TOKEN})
def test_an_operation_that_was_not_named_is_refused(operation: Operation) -> None:
    if operation is Operation.ACCOUNTS:
        assert CI.permits(operation)
        return
    with pytest.raises(NotPermittedError):
        narrowed(CI, operation, TokenWanted())


def test_a_socket_for_several_accounts_needs_a_name() -> None:
    with pytest.raises(AccountNeededError) as caught:
        narrow(but(accounts=(WORK, HOME)), TokenWanted())
    assert caught.value.accounts == (WORK, HOME)
    named = TokenWanted(account=HOME)
    assert narrow(but(accounts=(WORK, HOME)), named).account == HOME


_SETS = st.none() | st.frozensets(st.sampled_from("abc"), min_size=1)
_RESOURCES = st.none() | st.sampled_from(("https://a.example", "https://b.example"))
_NAMES = st.none() | st.sampled_from((WORK, HOME, AccountName("x")))


@given(
    own=st.tuples(_SETS, _RESOURCES),
    wanted=st.builds(TokenWanted, account=_NAMES, scopes=_SETS, resource=_RESOURCES),
)
def test_nothing_that_is_sent_widens_a_socket(
    own: tuple[frozenset[str] | None, str | None], wanted: TokenWanted
) -> None:
    scopes, resource = own
    restriction = but(scopes=scopes, resource=resource)
    try:
        passed = narrow(restriction, wanted)
    except NotPermittedError:
        return
    assert passed.account in restriction.accounts
    assert resource is None or passed.resource == resource
    assert scopes is None or (passed.scopes is not None and passed.scopes <= scopes)


NOW = Instant(wall=UnixTime(1000.0), boot=Seconds(100.0))


def served(life: float | None = 3600.0, scopes: str = "read") -> TokenServed:
    token = AccessToken(
        value=Secret("t"),
        token_type="Bearer",
        scopes=frozenset(scopes.split()),
        obtained=Instant(wall=UnixTime(900.0), boot=Seconds(0.0)),
        life=None if life is None else Seconds(life),
    )
    return TokenServed(account=WORK, token=token)


def test_a_token_that_can_do_more_than_the_socket_is_not_handed_out() -> None:
    with pytest.raises(NotPermittedError) as caught:
        within(CI, served(scopes="read write"), NOW)
    assert "write" in caught.value.what


@pytest.mark.parametrize("life", [3600.0, None])
def test_a_peer_is_told_of_no_longer_life_than_the_socket_allows(
    life: float | None,
) -> None:
    whole = served(life)
    whole.written[True, True] = (b"another", b"end")
    given = within(but(max_ttl=Seconds(60)), whole, NOW)
    assert given.token.expires_at == 1060.0
    assert given.token.value is whole.token.value
    assert not given.written


def test_a_token_that_ends_sooner_is_handed_out_as_it_is() -> None:
    whole = served(150.0)
    assert within(but(max_ttl=Seconds(60)), whole, NOW) is whole
    assert within(CI, whole, NOW) is whole


@pytest.mark.parametrize(("wall", "boot"), [(1060.0, 100.0), (1000.0, 160.0)])
def test_the_end_is_counted_by_the_clock_that_went_further(
    wall: float, boot: float
) -> None:
    later = Instant(wall=UnixTime(wall), boot=Seconds(boot))
    given = within(but(max_ttl=Seconds(60)), served(3600.0), later)
    assert given.token.life == 220.0
