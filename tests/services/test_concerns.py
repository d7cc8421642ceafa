"""Whom a failure holds up: nothing that an issuer says is left out of the table."""

import pytest

from broker.model.errors import IssuerMalformedError
from broker.model.http import HttpResponse
from broker.oauth.faults import transport_fault
from broker.oauth.refusals import _MEANING, minting_error, refresh_error
from broker.oauth.token import TokenRefusal
from broker.services.concerns import CONCERNS, Concern
from tests.services.world import ISSUER, WORK

REFUSALS = [*_MEANING, ("words of its own", None)]


@pytest.mark.parametrize(("error", "subtype"), REFUSALS)
def test_whatever_an_issuer_refuses_holds_somebody_up_or_is_recorded(
    error: str, subtype: str | None
) -> None:
    refusal = TokenRefusal(status=400, error=error, description="", subtype=subtype)
    said = [
        refresh_error(refusal, account=WORK, issuer=ISSUER.url),
        refresh_error(refusal, account=WORK, issuer=ISSUER.url, is_narrowed=True),
        minting_error(refusal, account=WORK, issuer=ISSUER.url),
    ]
    assert {type(one) for one in said} <= set(CONCERNS)


@pytest.mark.parametrize("status", [302, 407, 408, 429, 500, 503, 511])
def test_whatever_comes_in_place_of_an_answer_concerns_the_issuer(status: int) -> None:
    fault = transport_fault(HttpResponse(status=status), ISSUER.url)
    assert fault is not None
    assert CONCERNS[type(fault)] is Concern.ISSUER
    assert CONCERNS[IssuerMalformedError] is Concern.ISSUER


def test_whatever_ends_a_grant_is_recorded_in_it() -> None:
    of_grants = {kind.code for kind, of in CONCERNS.items() if of is Concern.GRANT}
    assert of_grants == {"login_required", "reauthentication_required"}
