import pytest

from broker.model.secret import Secret
from broker.model.time import Seconds, UnixTime
from broker.sandbox.grants import (
    ACCESS_TOKENS,
    CODE_LIFE,
    CODES,
    FAMILIES,
    Approval,
    Family,
    Grants,
)
from tests.sandbox.program import MovableClock

REDIRECT_URI = "http://127.0.0.1:1/"


@pytest.fixture
def grants(clock: MovableClock) -> Grants:
    return Grants(clock)


def approval(client_id: str = "one") -> Approval:
    return Approval(
        client_id=client_id,
        scopes=("a", "b"),
        resources=(),
        redirect_uri=REDIRECT_URI,
        code_challenge="c",
        nonce=None,
        approved_at=UnixTime(1_800_000_000.0),
    )


def family(grants: Grants, code: str = "code") -> Family:
    grants.keep_code(Secret(code), approval())
    found = grants.spend_code(Secret(code), client_id="one", redirect_uri=REDIRECT_URI)
    assert found is not None
    return found


def renew(grants: Grants, of: Family) -> tuple[Secret, Secret]:
    access, refresh = grants.new_access_token(of), grants.next_refresh_token(of)
    grants.record(of, access, scopes=("a",), audience=(), life=Seconds(100))
    return access, refresh


def spend(grants: Grants, token: Secret) -> Family | None:
    return grants.spend_refresh_token(token, client_id="one")


def test_a_code_ends_after_its_life(grants: Grants, clock: MovableClock) -> None:
    grants.keep_code(Secret("code"), approval())
    clock.advance(CODE_LIFE)
    code = Secret("code")
    assert grants.spend_code(code, client_id="one", redirect_uri=REDIRECT_URI) is None


def test_a_code_is_spent_by_a_failed_try_too(grants: Grants) -> None:
    grants.keep_code(Secret("code"), approval())
    code = Secret("code")
    assert grants.spend_code(code, client_id="one", redirect_uri="http://x/") is None
    assert grants.spend_code(code, client_id="one", redirect_uri=REDIRECT_URI) is None


def test_another_client_can_neither_use_nor_spend_a_code(grants: Grants) -> None:
    grants.keep_code(Secret("code"), approval())
    code = Secret("code")
    assert grants.spend_code(code, client_id="two", redirect_uri=REDIRECT_URI) is None
    assert grants.spend_code(code, client_id="one", redirect_uri=REDIRECT_URI)


def test_the_present_refresh_token_opens_its_family(grants: Grants) -> None:
    _, refresh = renew(grants, family(grants))
    assert spend(grants, refresh) is not None


def test_a_retired_refresh_token_ends_access_and_refresh(grants: Grants) -> None:
    _, first = renew(grants, family(grants))
    middle = spend(grants, first)
    assert middle is not None
    access, second = renew(grants, middle)
    assert grants.find_access_token(access) is not None
    assert spend(grants, first) is None
    assert spend(grants, second) is None
    assert grants.find_access_token(access) is None


def test_a_very_old_refresh_token_is_still_recognized(grants: Grants) -> None:
    access, first = renew(grants, family(grants))
    token = first
    for _ in range(500):
        present = spend(grants, token)
        assert present is not None
        access, token = renew(grants, present)
    assert spend(grants, first) is None
    assert grants.find_access_token(access) is None


@pytest.mark.parametrize("change", ["x", ".1", "9" * 50, "é"])
def test_a_made_up_refresh_token_harms_nobody(grants: Grants, change: str) -> None:
    _, refresh = renew(grants, family(grants))
    kind, family_id, _, mac = refresh.reveal().split(".")
    forged = Secret(f"{kind}.{family_id}.{change}.{mac}")
    assert spend(grants, forged) is None
    assert spend(grants, refresh) is not None


def test_another_client_cannot_end_a_family(grants: Grants) -> None:
    _, first = renew(grants, family(grants))
    opened = spend(grants, first)
    assert opened is not None
    _, second = renew(grants, opened)
    assert grants.spend_refresh_token(first, client_id="two") is None
    grants.revoke(second, client_id="two")
    assert spend(grants, second) is not None


def test_an_access_token_ends_with_its_life(
    grants: Grants, clock: MovableClock
) -> None:
    access, _ = renew(grants, family(grants))
    clock.advance(99)
    assert grants.find_access_token(access) is not None
    clock.advance(1)
    assert grants.find_access_token(access) is None


def test_revoking_an_access_token_leaves_its_family(grants: Grants) -> None:
    access, refresh = renew(grants, family(grants))
    grants.revoke(access, client_id="one")
    assert grants.find_access_token(access) is None
    assert grants.find_refresh_token(refresh) is not None


def test_revoking_a_refresh_token_ends_the_family(grants: Grants) -> None:
    access, refresh = renew(grants, family(grants))
    grants.revoke(refresh, client_id="one")
    assert grants.find_access_token(access) is None
    assert grants.live_families() == 0


def test_refresh_tokens_end_together_when_they_have_a_life(
    clock: MovableClock,
) -> None:
    grants = Grants(clock, refresh_life=Seconds(1000))
    _, first = renew(grants, family(grants))
    clock.advance(999)
    opened = spend(grants, first)
    assert opened is not None
    _, second = renew(grants, opened)
    clock.advance(1)
    assert spend(grants, second) is None


def test_memory_is_bounded(grants: Grants) -> None:
    for number in range(FAMILIES + 5):
        renew(grants, family(grants, f"code {number}"))
    assert grants.live_families() == FAMILIES
    for number in range(CODES + 5):
        grants.keep_code(Secret(f"unspent {number}"), approval())
    assert len(grants._codes) == CODES


def test_the_oldest_access_token_makes_room(grants: Grants) -> None:
    access, token = renew(grants, family(grants))
    last = access
    for _ in range(ACCESS_TOKENS):
        opened = spend(grants, token)
        assert opened is not None
        last, token = renew(grants, opened)
    assert grants.find_access_token(access) is None
    assert grants.find_access_token(last) is not None


def test_no_secret_stands_in_a_repr(grants: Grants) -> None:
    access, refresh = renew(grants, family(grants))
    opened = spend(grants, refresh)
    found = grants.find_access_token(access)
    shown = repr((opened, found, access, refresh, vars(grants)))
    assert access.reveal() not in shown
    assert refresh.reveal() not in shown
