"""What a refusal of the token endpoint means, as a table. Knows no messages."""

from enum import Enum, auto

from broker.model.errors import (
    BrokerError,
    ClientRejectedError,
    IssuerOverloadedError,
    LoginFailedError,
    LoginRequiredError,
    ReauthenticationRequiredError,
    RefreshRefusedError,
)
from broker.oauth.token import TokenRefusal


class _Meaning(Enum):
    GRANT_DEAD = auto()
    PERSON_WANTED = auto()
    """The grant lives, but the issuer wants to see the person again."""
    CLIENT_REJECTED = auto()
    """Concerns every grant of the client; none of them is dead."""
    OVERLOADED = auto()
    REFUSED = auto()
    """This request, as it was."""


_MEANING: dict[tuple[str, str | None], _Meaning] = {
    # RFC 6749 section 5.2
    ("invalid_grant", None): _Meaning.GRANT_DEAD,
    ("invalid_client", None): _Meaning.CLIENT_REJECTED,
    ("unauthorized_client", None): _Meaning.CLIENT_REJECTED,
    # OpenID Connect Core 1.0 section 3.1.2.6; Microsoft says the first of them at
    # the token endpoint where a second factor or new terms are due.
    ("interaction_required", None): _Meaning.PERSON_WANTED,
    ("login_required", None): _Meaning.PERSON_WANTED,
    ("consent_required", None): _Meaning.PERSON_WANTED,
    # Google Workspace session control (support.google.com/a/answer/9368756)
    ("invalid_grant", "invalid_rapt"): _Meaning.PERSON_WANTED,
    ("invalid_grant", "rapt_required"): _Meaning.PERSON_WANTED,
    # Microsoft's `suberror`: the person can help, by a step in the browser
    ("invalid_grant", "interaction_required"): _Meaning.PERSON_WANTED,
    ("invalid_grant", "basic_action"): _Meaning.PERSON_WANTED,
    ("invalid_grant", "additional_action"): _Meaning.PERSON_WANTED,
    ("invalid_grant", "consent_required"): _Meaning.PERSON_WANTED,
    # Google: the client was deleted in the console
    ("deleted_client", None): _Meaning.CLIENT_REJECTED,
    # GitHub, with status 200
    ("incorrect_client_credentials", None): _Meaning.CLIENT_REJECTED,
    ("bad_refresh_token", None): _Meaning.GRANT_DEAD,
    # RFC 6749 section 4.1.2.1 and Google's own words, with status 400 or 403
    ("temporarily_unavailable", None): _Meaning.OVERLOADED,
    ("slow_down", None): _Meaning.OVERLOADED,
    ("rate_limit_exceeded", None): _Meaning.OVERLOADED,
    ("rateLimitExceeded", None): _Meaning.OVERLOADED,
}


def refresh_error(refusal: TokenRefusal, *, account: str, issuer: str) -> BrokerError:
    """The error for a refused refresh.

    Only LoginRequiredError says that the grant is dead; after every other the same
    refresh token may still work.

    Args:
        refusal: from `parse_token_response`.
        account: whose grant.
        issuer: the issuer URL.
    """
    match _meaning(refusal):
        case _Meaning.GRANT_DEAD:
            return LoginRequiredError(account=account, reason=_reason(refusal))
        case _Meaning.PERSON_WANTED:
            return ReauthenticationRequiredError(
                account=account, reason=_reason(refusal)
            )
        case _Meaning.CLIENT_REJECTED:
            return _client_rejected(refusal, issuer)
        case _Meaning.OVERLOADED:
            return IssuerOverloadedError(issuer=issuer)
        case _Meaning.REFUSED:
            return RefreshRefusedError(
                account=account, error=refusal.error, description=refusal.description
            )


def code_error(refusal: TokenRefusal, *, account: str, issuer: str) -> BrokerError:
    """The error for a refused code: a login that failed, or whose client is refused.

    The arguments are those of `refresh_error`.
    """
    match _meaning(refusal):
        case _Meaning.CLIENT_REJECTED:
            return _client_rejected(refusal, issuer)
        case _Meaning.OVERLOADED:
            return IssuerOverloadedError(issuer=issuer)
        case _Meaning.GRANT_DEAD | _Meaning.PERSON_WANTED | _Meaning.REFUSED:
            return LoginFailedError(account=account, reason=_reason(refusal))


def _meaning(refusal: TokenRefusal) -> _Meaning:
    known = _MEANING.get((refusal.error, refusal.subtype))
    # An unknown subtype says more about a code that is known without it.
    return known or _MEANING.get((refusal.error, None), _Meaning.REFUSED)


def _client_rejected(refusal: TokenRefusal, issuer: str) -> ClientRejectedError:
    return ClientRejectedError(
        issuer=issuer, error=refusal.error, description=refusal.description
    )


def _reason(refusal: TokenRefusal) -> str:
    said = refusal.description or refusal.subtype
    return f"{refusal.error}: {said}" if said else refusal.error
