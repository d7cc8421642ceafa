"""What a log-out leaves to be done at the issuer."""

import pytest
from msgspec.structs import replace

from broker.model.account import parse_account_name
from broker.model.errors import BadRequestError, LoginRequiredError
from broker.model.grant import GrantState, require_live
from broker.model.leaving import (
    ends_at,
    leaving,
    leaving_name,
    leaving_since,
    left_account,
)
from broker.model.secret import Secret
from broker.model.time import Seconds, UnixTime
from broker.model.token import AccessToken
from tests.fakes.clock import START
from tests.services.world import HOME, WORK, a_bound_grant, a_grant


def test_its_name_is_none_that_a_person_can_type() -> None:
    left = leaving(a_grant(), UnixTime(7))
    with pytest.raises(BadRequestError):
        parse_account_name(left.account.name)
    assert left_account(left) == WORK


def test_the_same_token_of_the_same_account_has_the_same_name() -> None:
    name = leaving_name(a_grant())
    assert leaving_name(a_grant(version=9)) == name
    assert leaving_name(a_grant(refresh_token="refresh-2")) != name
    assert leaving_name(a_grant(HOME)) != name
    assert leaving_name(a_grant(refresh_token=None)) is None


def test_it_keeps_what_is_needed_and_no_key() -> None:
    grant = a_bound_grant()
    left = leaving(grant, UnixTime(7))
    assert left.refresh_token == Secret("refresh-1")
    assert left.account.client == grant.account.client
    assert left.dpop_key is None
    assert leaving_since(left) == UnixTime(7)


def test_a_client_alone_has_a_name_too() -> None:
    left = leaving(a_grant(refresh_token=None), UnixTime(7))
    assert left.account.name.startswith("work~")


def test_it_gives_no_token() -> None:
    left = leaving(a_grant(), UnixTime(7))
    assert left.state is GrantState.LEAVING
    with pytest.raises(LoginRequiredError):
        require_live(left)


def test_it_ends_with_the_token_that_it_is_of() -> None:
    token = AccessToken(
        value=Secret("only"),
        token_type="Bearer",
        scopes=frozenset(),
        obtained=START,
        life=Seconds(60),
    )
    only = replace(a_grant(refresh_token=None), access_token=token)
    assert ends_at(only) == START.wall + 60
    assert ends_at(a_grant()) is None
    assert ends_at(replace(a_grant(), refresh_expires_at=UnixTime(9))) == UnixTime(9)
