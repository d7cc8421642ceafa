"""Whether whoever signed in is who was asked for. Knows no network."""

import re

from broker.model.account import Account
from broker.model.errors import AnotherPersonError, LoginFailedError
from broker.model.grant import Grant
from broker.model.time import UnixTime
from broker.oauth.id_token import CLOCK_DIFFERENCE, IdClaims

_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


def require_asked(account: Account, claims: IdClaims | None, now: UnixTime) -> None:
    """See that the issuer did what the request only wished for.

    Args:
        account: with the parameters of the authorization request.
        claims: of the ID token, or None where there is none: nothing is known then.
        now: the moment it came.

    Raises:
        LoginFailedError: the person was seen too long ago for `max_age` (OpenID
            Connect Core 1.0 section 3.1.3.7 step 13), or is not of the organization
            that Google's `hd` named.
    """
    if claims is None:
        return
    max_age = account.parameters.get("max_age", "")
    if _SECONDS.fullmatch(max_age) and not _was_seen(claims, int(max_age), now):
        reason = "you were to be asked to sign in anew, and the issuer did not do it"
        raise LoginFailedError(account=account.name, reason=reason)
    wanted = account.parameters.get("hd")
    domain = claims.hosted_domain
    if wanted and (domain is None or wanted not in ("*", domain)):
        reason = f"you signed in with an account of {domain or 'no organization'}"
        raise LoginFailedError(account=account.name, reason=reason)


def require_same(
    account: Account, claims: IdClaims | None, before: Grant | None
) -> None:
    """See that a sign-in is not another person's than before.

    An account is (iss, sub): with another `sub`, programs that work for one person
    would go on with the data of another.

    Args:
        account: of the login.
        claims: of the ID token, or None.
        before: the account's grant so far, or None.

    Raises:
        AnotherPersonError: it is; the older grant still stands.
    """
    if claims is None or before is None or before.subject is None:
        return
    if before.account.issuer.url != account.issuer.url:
        return
    if before.subject != claims.subject:
        raise AnotherPersonError(
            account=account.name,
            expected=before.subject,
            found=claims.email or claims.subject,
        )


def _was_seen(claims: IdClaims, max_age: int, now: UnixTime) -> bool:
    # `auth_time` is required where max_age was sent (section 2).
    seen = claims.auth_time
    return seen is not None and now - seen <= max_age + CLOCK_DIFFERENCE
