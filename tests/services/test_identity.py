"""Whether whoever signed in is who was asked for."""

import pytest
from msgspec.structs import replace

from broker.model.account import Account
from broker.model.errors import AnotherPersonError, LoginFailedError
from broker.model.issuer import Issuer
from broker.model.time import UnixTime
from broker.oauth.id_token import IdClaims
from broker.services.identity import require_asked, require_same
from broker.services.login import LoginState
from tests.services.person import completed, repeated
from tests.services.test_redemption import id_token, person_grant
from tests.services.world import WORK, a_grant, a_world, an_account, token_answer

NOW = UnixTime(1_800_000_000)


def asking(**parameters: str) -> Account:
    return replace(an_account(), parameters=parameters)


def who(
    *, seen: float | None = None, domain: str | None = None, subject: str = "person-1"
) -> IdClaims:
    return IdClaims(
        subject=subject,
        issuer="https://issuer.example",
        expires_at=UnixTime(0),
        hosted_domain=domain,
        auth_time=None if seen is None else UnixTime(seen),
    )


@pytest.mark.parametrize(
    ("max_age", "seen"),
    [
        ("0", NOW),
        ("0", NOW - 299),  # clocks differ
        ("3600", NOW - 3600),
        ("no number", None),
        ("", None),
    ],
)
def test_openid_core_section_3_1_3_7_step_13_whoever_was_seen_in_time_is_taken(
    max_age: str, seen: float | None
) -> None:
    require_asked(asking(max_age=max_age), who(seen=seen), NOW)


@pytest.mark.parametrize(
    ("max_age", "seen"), [("0", NOW - 301), ("3600", NOW - 4000), ("3600", None)]
)
def test_openid_core_section_3_1_3_7_step_13_an_old_session_is_not_taken(
    max_age: str, seen: float | None
) -> None:
    with pytest.raises(LoginFailedError, match="anew"):
        require_asked(asking(max_age=max_age), who(seen=seen), NOW)


@pytest.mark.parametrize(
    ("wanted", "domain"),
    [("example.com", "example.com"), ("*", "any.example"), ("", None)],
)
def test_an_account_of_the_organization_is_taken(
    wanted: str, domain: str | None
) -> None:
    require_asked(asking(hd=wanted), who(domain=domain), NOW)


@pytest.mark.parametrize(
    ("wanted", "domain"),
    [("example.com", "evil.example"), ("example.com", None), ("*", None)],
)
def test_an_account_of_elsewhere_is_not_taken(wanted: str, domain: str | None) -> None:
    with pytest.raises(LoginFailedError, match=domain or "no organization"):
        require_asked(asking(hd=wanted), who(domain=domain), NOW)


def test_where_there_is_no_id_token_nothing_is_known() -> None:
    require_asked(asking(max_age="0", hd="example.com"), None, NOW)
    require_same(an_account(), None, a_grant(subject="person-1"))


def test_another_person_is_one_of_the_same_issuer() -> None:
    before = a_grant(subject="person-1")
    require_same(an_account(), who(), before)
    require_same(an_account(), who(), None)
    require_same(an_account(), who(subject="person-2"), a_grant(subject=None))
    elsewhere = replace(
        an_account(),
        issuer=Issuer(
            url="https://other.example",
            authorization_endpoint="https://other.example/a",
            token_endpoint="https://other.example/t",
        ),
    )
    require_same(elsewhere, who(subject="person-2"), before)
    with pytest.raises(AnotherPersonError) as caught:
        require_same(an_account(), who(subject="person-2"), before)
    assert (caught.value.expected, caught.value.found) == ("person-1", "person-2")


async def test_another_person_does_not_get_the_account_and_nothing_changes() -> None:
    world = await a_world(person_grant("person-1"))
    login = await repeated(world)
    answer = token_answer(
        id_token=id_token(login, sub="person-2"), refresh_token="refresh-2"
    )
    await completed(world, login, answer)
    assert login.state is LoginState.FAILED
    assert isinstance(login.error, AnotherPersonError)
    assert world.store.grants[WORK] == person_grant("person-1")


async def test_what_the_request_wished_for_is_seen_to_before_anything_is_saved() -> (
    None
):
    grant = person_grant("person-1")
    account = replace(grant.account, parameters={"hd": "example.com"})
    world = await a_world(replace(grant, account=account))
    login = await repeated(world)
    answer = token_answer(id_token=id_token(login), refresh_token="refresh-2")
    await completed(world, login, answer)
    assert isinstance(login.error, LoginFailedError)
    assert world.store.grants[WORK].refresh_token == grant.refresh_token
