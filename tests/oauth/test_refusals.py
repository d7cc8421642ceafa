import pytest

from broker.model.errors import (
    BrokerError,
    ClientRejectedError,
    IssuerOverloadedError,
    IssuerUnreachableError,
    LoginFailedError,
    LoginRequiredError,
    PolicyRefusedError,
    ReauthenticationRequiredError,
    RefreshRefusedError,
    ScopeRefusedError,
)
from broker.oauth.refusals import code_error, minting_error, refresh_error
from broker.oauth.token import TokenRefusal


def refusal(error: str, subtype: str | None = None) -> TokenRefusal:
    return TokenRefusal(status=400, error=error, description="No.", subtype=subtype)


@pytest.mark.parametrize(
    ("error", "subtype", "kind"),
    [
        ("invalid_grant", None, LoginRequiredError),
        ("invalid_grant", "bad_token", LoginRequiredError),
        ("bad_refresh_token", None, LoginRequiredError),
        ("invalid_grant", "invalid_rapt", ReauthenticationRequiredError),
        ("invalid_grant", "rapt_required", ReauthenticationRequiredError),
        ("invalid_grant", "user_password_expired", ReauthenticationRequiredError),
        ("account_selection_required", None, ReauthenticationRequiredError),
        ("consent_required", None, ReauthenticationRequiredError),
        ("login_required", None, ReauthenticationRequiredError),
        ("invalid_grant", "basic_action", ReauthenticationRequiredError),
        ("interaction_required", None, ReauthenticationRequiredError),
        ("interaction_required", "basic_action", ReauthenticationRequiredError),
        ("invalid_client", None, ClientRejectedError),
        ("disabled_client", None, ClientRejectedError),
        ("deleted_client", None, ClientRejectedError),
        ("unauthorized_client", None, ClientRejectedError),
        ("incorrect_client_credentials", None, ClientRejectedError),
        ("RESOURCE_EXHAUSTED", None, IssuerOverloadedError),
        ("rate_limit_exceeded", None, IssuerOverloadedError),
        ("temporarily_unavailable", None, IssuerOverloadedError),
        ("invalid_scope", None, ScopeRefusedError),
        ("invalid_request", "invalid_rapt", RefreshRefusedError),
        ("unsupported_grant_type", None, RefreshRefusedError),
        ("redirect_uri_mismatch", None, RefreshRefusedError),
        ("admin_policy_enforced", None, PolicyRefusedError),
        ("org_internal", None, PolicyRefusedError),
        ("access_denied", None, PolicyRefusedError),
        ("invalid_grant", "message_only", PolicyRefusedError),
        ("interaction_required", "message_only", PolicyRefusedError),
        ("server_error", None, IssuerUnreachableError),
        ("internal_failure", None, IssuerUnreachableError),
        ("UNAVAILABLE", None, IssuerUnreachableError),
        ("INVALID_GRANT", None, RefreshRefusedError),
        ("", None, RefreshRefusedError),
    ],
)
def test_a_refused_refresh_means_what_the_table_says(
    error: str, subtype: str | None, kind: type[BrokerError]
) -> None:
    found = refresh_error(refusal(error, subtype), account="work", issuer="https://i")
    assert type(found) is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("invalid_grant", LoginFailedError),
        ("bad_verification_code", LoginFailedError),
        ("interaction_required", LoginFailedError),
        ("redirect_uri_mismatch", LoginFailedError),
        ("invalid_client", ClientRejectedError),
        ("slow_down", IssuerOverloadedError),
        ("server_error", IssuerUnreachableError),
        ("access_denied", PolicyRefusedError),
        ("invalid_scope", LoginFailedError),
    ],
)
def test_a_refused_code_ends_the_login_or_blames_the_client(
    error: str, kind: type[BrokerError]
) -> None:
    found = code_error(refusal(error), account="work", issuer="https://i")
    assert type(found) is kind


def test_the_reason_is_the_issuers_own_words() -> None:
    found = refresh_error(refusal("invalid_grant"), account="work", issuer="https://i")
    assert found.facts() == {"account": "work", "reason": "invalid_grant: No."}


def test_without_words_the_subtype_says_why() -> None:
    said = TokenRefusal(
        status=400, error="invalid_grant", description="", subtype="invalid_rapt"
    )
    found = refresh_error(said, account="work", issuer="https://i")
    assert found.facts()["reason"] == "invalid_grant: invalid_rapt"


def test_without_any_words_the_code_stands_alone() -> None:
    said = TokenRefusal(status=400, error="invalid_grant", description="", subtype=None)
    found = code_error(said, account="work", issuer="https://i")
    assert found.facts()["reason"] == "invalid_grant"


def test_a_rejected_client_names_the_issuer_and_not_the_account() -> None:
    found = refresh_error(refusal("invalid_client"), account="work", issuer="https://i")
    assert found.facts() == {
        "issuer": "https://i",
        "error": "invalid_client",
        "description": "No.",
    }


def test_a_refusal_tells_how_long_the_issuer_asks_us_to_wait() -> None:
    for error in ("rate_limit_exceeded", "server_error"):
        said = TokenRefusal(
            status=403, error=error, description="", subtype=None, retry_after=7
        )
        found = refresh_error(said, account="work", issuer="https://i")
        assert found.facts()["retry_after"] == 7


@pytest.mark.parametrize(
    ("error", "subtype"),
    [
        ("consent_required", None),
        ("interaction_required", None),
        ("invalid_grant", "consent_required"),
        ("invalid_grant", "interaction_required"),
    ],
)
def test_what_one_api_wants_of_the_person_does_not_stop_the_whole_account(
    error: str, subtype: str | None
) -> None:
    said = refusal(error, subtype)
    narrow = refresh_error(said, account="work", issuer="https://i", is_narrowed=True)
    assert isinstance(narrow, ScopeRefusedError)
    whole = refresh_error(said, account="work", issuer="https://i")
    assert isinstance(whole, ReauthenticationRequiredError)


@pytest.mark.parametrize("subtype", ["invalid_rapt", None])
def test_a_narrow_request_hides_nothing_that_concerns_the_whole_grant(
    subtype: str | None,
) -> None:
    said = refusal("invalid_grant", subtype)
    narrow = refresh_error(said, account="work", issuer="https://i", is_narrowed=True)
    assert not isinstance(narrow, ScopeRefusedError)


@pytest.mark.parametrize("error", ["invalid_scope", "access_denied"])
def test_where_nobody_has_signed_in_nobody_can_again(error: str) -> None:
    said = refusal(error)
    minted = minting_error(said, account="robot", issuer="https://i")
    refreshed = refresh_error(said, account="work", issuer="https://i")
    for found, unattended in ((minted, True), (refreshed, False)):
        assert isinstance(found, ScopeRefusedError | PolicyRefusedError)
        assert found.unattended is unattended
