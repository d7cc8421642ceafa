"""What Google refuses, told apart."""

import pytest

from broker.model.errors import (
    BrokerError,
    ClockWrongError,
    CredentialRefusedError,
    DelegationRefusedError,
    ImpersonationRefusedError,
    IssuerMalformedError,
    IssuerOverloadedError,
    IssuerUnreachableError,
    ScopeRefusedError,
)
from broker.model.http import HttpResponse
from broker.oauth.google_refusals import Asking, google_answer
from tests.fakes.sender import json_response
from tests.services.google import TARGET, iam_refusal, refusal

ASKING = Asking(account="robot", issuer="https://accounts.google.com", client_id="117")
FOR_A_PERSON = Asking(
    account="robot",
    issuer="https://accounts.google.com",
    client_id="117",
    subject="ann@example.com",
)
AS_ANOTHER = Asking(
    account="robot",
    issuer="https://accounts.google.com",
    client_id="117",
    impersonate=TARGET,
)
CLOCK = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
    "timeframe. Check your iat and exp values in the JWT claim."
)
UNAUTHORIZED = (
    "Client is unauthorized to retrieve access tokens using this method, or client not "
    "authorized for any of the scopes requested."
)


def error_of(
    response: HttpResponse, asking: Asking = ASKING, *, is_iam: bool = False
) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        google_answer(response, asking=asking, is_iam=is_iam)
    return caught.value


def test_a_good_answer_has_its_members() -> None:
    answer = google_answer(json_response({"a": "b"}), asking=ASKING, is_iam=False)
    assert answer.text("a") == "b"


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (refusal("invalid_grant", "Invalid JWT Signature."), CredentialRefusedError),
        (
            refusal("invalid_grant", "Invalid grant: account not found"),
            CredentialRefusedError,
        ),
        (
            refusal("disabled_client", "The OAuth client was disabled.", 401),
            CredentialRefusedError,
        ),
        (refusal("unauthorized_client", UNAUTHORIZED, 401), CredentialRefusedError),
        (refusal("invalid_grant", CLOCK), ClockWrongError),
        (refusal("invalid_scope", "Invalid OAuth scope"), ScopeRefusedError),
        (refusal("internal_failure", ""), IssuerUnreachableError),
        (refusal("server_error", "", 500), IssuerUnreachableError),
        (refusal("", "", 503), IssuerOverloadedError),
        (HttpResponse(status=302), IssuerUnreachableError),
        (HttpResponse(status=200, body=b"<html>"), IssuerMalformedError),
        (HttpResponse(status=200, body=b"[]"), IssuerMalformedError),
    ],
)
def test_a_token_endpoint_is_understood(
    response: HttpResponse, kind: type[BrokerError]
) -> None:
    assert type(error_of(response)) is kind


def test_a_person_whom_nobody_lets_it_ask_for_is_told() -> None:
    error = error_of(refusal("unauthorized_client", UNAUTHORIZED, 401), FOR_A_PERSON)
    assert isinstance(error, DelegationRefusedError)
    assert (error.client_id, error.subject) == ("117", "ann@example.com")


def test_a_service_account_that_it_may_not_become_is_told() -> None:
    answer = iam_refusal("PERMISSION_DENIED", "Permission denied on resource")
    error = error_of(answer, AS_ANOTHER, is_iam=True)
    assert isinstance(error, ImpersonationRefusedError)
    assert (error.email, error.error) == (TARGET, "PERMISSION_DENIED")


def test_a_deleted_key_of_one_that_impersonates_is_the_keys_fault() -> None:
    error = error_of(refusal("invalid_grant", "Invalid JWT Signature."), AS_ANOTHER)
    assert isinstance(error, CredentialRefusedError)


def test_what_asks_for_patience_is_told_with_how_much() -> None:
    answer = HttpResponse(status=429, headers={"retry-after": "42"})
    error = error_of(answer, AS_ANOTHER, is_iam=True)
    assert isinstance(error, IssuerOverloadedError)
    assert error.retry_after == 42


def test_the_iam_apis_own_overload_is_no_refusal() -> None:
    answer = iam_refusal("RESOURCE_EXHAUSTED", "Quota exceeded", 403)
    assert isinstance(error_of(answer, AS_ANOTHER, is_iam=True), IssuerOverloadedError)
