"""What a refusal of the token endpoint means, as a table. Knows no messages."""

from enum import Enum, auto

from broker.model.errors import (
    BrokerError,
    ClientRejectedError,
    ClockWrongError,
    CredentialRefusedError,
    DeviceCodeExpiredError,
    DeviceScopeRefusedError,
    IssuerOverloadedError,
    IssuerUnreachableError,
    LoginFailedError,
    LoginRefusedError,
    LoginRequiredError,
    PolicyRefusedError,
    ReauthenticationRequiredError,
    RefreshRefusedError,
    ScopeRefusedError,
)
from broker.model.time import Seconds
from broker.oauth.token import TokenRefusal


class _Meaning(Enum):
    GRANT_DEAD = auto()
    PERSON_WANTED = auto()
    """The grant lives, but the issuer wants to see the person again."""
    CLIENT_REJECTED = auto()
    """Concerns every grant of the client; none of them is dead."""
    SCOPE = auto()
    """These scopes are not to be had with this grant; others are."""
    POLICY = auto()
    """Whoever administers the issuer does not allow it: trying again is no use."""
    OVERLOADED = auto()
    UNAVAILABLE = auto()
    """A fault of the issuer's own."""
    REFUSED = auto()
    """This request, as it was."""


_MEANING: dict[tuple[str, str | None], _Meaning] = {
    # RFC 6749 section 5.2
    ("invalid_grant", None): _Meaning.GRANT_DEAD,
    ("invalid_client", None): _Meaning.CLIENT_REJECTED,
    ("unauthorized_client", None): _Meaning.CLIENT_REJECTED,
    ("invalid_scope", None): _Meaning.SCOPE,
    # OpenID Connect Core 1.0 section 3.1.2.6; Microsoft says the first of them at
    # the token endpoint where a second factor or new terms are due.
    ("interaction_required", None): _Meaning.PERSON_WANTED,
    ("login_required", None): _Meaning.PERSON_WANTED,
    ("consent_required", None): _Meaning.PERSON_WANTED,
    ("account_selection_required", None): _Meaning.PERSON_WANTED,
    # Google Workspace session control (support.google.com/a/answer/9368756)
    ("invalid_grant", "invalid_rapt"): _Meaning.PERSON_WANTED,
    ("invalid_grant", "rapt_required"): _Meaning.PERSON_WANTED,
    # Microsoft's `suberror`: the person can help, by a step in the browser. The
    # AADSTS numbers are left alone: Microsoft says that programs must not act on them.
    ("invalid_grant", "interaction_required"): _Meaning.PERSON_WANTED,
    ("invalid_grant", "basic_action"): _Meaning.PERSON_WANTED,
    ("invalid_grant", "additional_action"): _Meaning.PERSON_WANTED,
    ("invalid_grant", "consent_required"): _Meaning.PERSON_WANTED,
    ("invalid_grant", "user_password_expired"): _Meaning.PERSON_WANTED,
    # The browser would only show why not: conditional access, mostly
    ("invalid_grant", "message_only"): _Meaning.POLICY,
    ("interaction_required", "message_only"): _Meaning.POLICY,
    # Google: the client was deleted or disabled in the console
    ("deleted_client", None): _Meaning.CLIENT_REJECTED,
    ("disabled_client", None): _Meaning.CLIENT_REJECTED,
    # Google Workspace: not every account of the client is concerned
    ("admin_policy_enforced", None): _Meaning.POLICY,
    ("org_internal", None): _Meaning.POLICY,
    ("access_not_configured", None): _Meaning.POLICY,
    ("access_denied", None): _Meaning.POLICY,
    # GitHub, with status 200
    ("incorrect_client_credentials", None): _Meaning.CLIENT_REJECTED,
    ("bad_refresh_token", None): _Meaning.GRANT_DEAD,
    # RFC 6749 section 4.1.2.1 and Google's own words, with status 400 or 403
    ("temporarily_unavailable", None): _Meaning.OVERLOADED,
    ("slow_down", None): _Meaning.OVERLOADED,
    ("rate_limit_exceeded", None): _Meaning.OVERLOADED,
    ("rateLimitExceeded", None): _Meaning.OVERLOADED,
    ("too_many_requests", None): _Meaning.OVERLOADED,
    ("RESOURCE_EXHAUSTED", None): _Meaning.OVERLOADED,
    ("server_error", None): _Meaning.UNAVAILABLE,
    ("internal_failure", None): _Meaning.UNAVAILABLE,
    ("backend_error", None): _Meaning.UNAVAILABLE,
    ("INTERNAL", None): _Meaning.UNAVAILABLE,
    ("UNAVAILABLE", None): _Meaning.UNAVAILABLE,
}


_OF_THE_ASKED = frozenset({"consent_required", "interaction_required"})
"""Of an API or scopes that the person has not consented to, or that wants a second
factor (Microsoft): what was granted as a whole can still be had."""


def refresh_error(
    refusal: TokenRefusal, *, account: str, issuer: str, is_narrowed: bool = False
) -> BrokerError:
    """The error for a refused refresh.

    Only LoginRequiredError says that the grant is dead; after every other the same
    refresh token may still work.

    Args:
        refusal: from `parse_token_response`.
        account: whose grant.
        issuer: the issuer URL.
        is_narrowed: whether scopes or a resource were asked for, and not all of it.
    """
    meaning = _meaning(refusal)
    is_wanted = meaning is _Meaning.PERSON_WANTED
    if is_narrowed and is_wanted and {refusal.error, refusal.subtype} & _OF_THE_ASKED:
        meaning = _Meaning.SCOPE
    match meaning:
        case _Meaning.GRANT_DEAD:
            return LoginRequiredError(account=account, reason=_reason(refusal))
        case _Meaning.PERSON_WANTED:
            return ReauthenticationRequiredError(
                account=account, reason=_reason(refusal)
            )
        case _Meaning.SCOPE:
            return ScopeRefusedError(
                account=account, error=refusal.error, description=refusal.description
            )
        case _Meaning.REFUSED:
            return RefreshRefusedError(
                account=account, error=refusal.error, description=refusal.description
            )
        case _:
            return _of_any_request(meaning, refusal, account, issuer)


def minting_error(
    refusal: TokenRefusal, *, account: str, issuer: str, ahead: Seconds | None = None
) -> BrokerError:
    """The error for a token that an account without a person was refused.

    No refusal ends such an account: there is no refresh token that it could be about,
    and nobody who could sign in.

    Args:
        refusal: from `parse_token_response`.
        account: whose token.
        issuer: the issuer URL.
        ahead: by how many seconds the issuer's clock is ahead of ours, where that was
            noticed and the request was signed: to the issuer it has expired already,
            or comes from the future.
    """
    meaning = _meaning(refusal)
    error, description = refusal.error, refusal.description
    said = _reason(refusal)
    if ahead is not None and meaning in _OF_WHAT_WAS_SIGNED:
        side = "behind" if ahead > 0 else "ahead of"
        return ClockWrongError(
            issuer=issuer,
            description=f"it is {abs(round(ahead))} s {side} the issuer's ({said})",
        )
    match meaning:
        case _Meaning.GRANT_DEAD | _Meaning.PERSON_WANTED | _Meaning.REFUSED:
            return CredentialRefusedError(
                account=account, issuer=issuer, error=error, description=description
            )
        case _Meaning.SCOPE:
            return ScopeRefusedError(
                account=account, error=error, description=description, unattended=True
            )
        case _:
            found = _of_any_request(meaning, refusal, account, issuer)
            is_policy = isinstance(found, PolicyRefusedError)
            return found.again(unattended=True) if is_policy else found


_OF_WHAT_WAS_SIGNED = frozenset(
    {_Meaning.GRANT_DEAD, _Meaning.CLIENT_REJECTED, _Meaning.REFUSED}
)
"""How issuers refuse a JWT: invalid_grant, invalid_client, or words of their own."""


def code_error(refusal: TokenRefusal, *, account: str, issuer: str) -> BrokerError:
    """The error for a refused code: a login that failed, or whose client is refused.

    The arguments are those of `refresh_error`.
    """
    meaning = _meaning(refusal)
    if meaning in _OF_ANY_REQUEST:
        return _of_any_request(meaning, refusal, account, issuer)
    return LoginFailedError(account=account, reason=_reason(refusal))


def device_error(
    refusal: TokenRefusal, *, account: str, issuer: str, life: Seconds
) -> BrokerError:
    """The error for a device login that cannot begin, or has ended.

    IssuerOverloadedError and IssuerUnreachableError are faults that may pass.

    Args:
        refusal: of the device authorization endpoint or of the token endpoint.
        account: whose login.
        issuer: the issuer URL.
        life: of the user code, in seconds.

    Source: RFC 8628 section 3.5.
    """
    match refusal.error:
        case "access_denied":
            return LoginRefusedError(
                account=account, error=refusal.error, description=refusal.description
            )
        case "expired_token":
            return DeviceCodeExpiredError(account=account, seconds=round(life))
        case "invalid_scope":
            return DeviceScopeRefusedError(
                account=account, error=refusal.error, description=refusal.description
            )
        case _:
            return code_error(refusal, account=account, issuer=issuer)


_OF_ANY_REQUEST = frozenset(
    {
        _Meaning.CLIENT_REJECTED,
        _Meaning.POLICY,
        _Meaning.OVERLOADED,
        _Meaning.UNAVAILABLE,
    }
)
"""What a refused code means as well as a refused refresh token."""


def _of_any_request(
    meaning: _Meaning, refusal: TokenRefusal, account: str, issuer: str
) -> BrokerError:
    error, description = refusal.error, refusal.description
    match meaning:
        case _Meaning.CLIENT_REJECTED:
            return ClientRejectedError(
                issuer=issuer, error=error, description=description
            )
        case _Meaning.POLICY:
            return PolicyRefusedError(
                account=account, issuer=issuer, error=error, description=description
            )
        case _Meaning.OVERLOADED:
            return IssuerOverloadedError(issuer=issuer, retry_after=refusal.retry_after)
        case _:
            return IssuerUnreachableError(
                issuer=issuer,
                what=f"it has a fault of its own ({_reason(refusal)})",
                retry_after=refusal.retry_after,
            )


def _meaning(refusal: TokenRefusal) -> _Meaning:
    known = _MEANING.get((refusal.error, refusal.subtype))
    # An unknown subtype says more about a code that is known without it.
    return known or _MEANING.get((refusal.error, None), _Meaning.REFUSED)


def _reason(refusal: TokenRefusal) -> str:
    said = refusal.description or refusal.subtype
    return f"{refusal.error}: {said}" if said else refusal.error
