"""Credentials for Google's Python libraries, from the broker instead of a file."""

from __future__ import annotations

import copy
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from brokerd_client.client import BrokerClient
from brokerd_client.errors import BrokerError, ScopeNotGrantedError, extra_missing
from brokerd_client.paths import find_socket
from brokerd_client.tokens import BEARER, DEFAULT_MIN_TTL

try:
    from google.auth import credentials, exceptions
except ModuleNotFoundError as exc:
    raise extra_missing("google", "google-auth") from exc

if TYPE_CHECKING:
    import os
    from collections.abc import MutableMapping, Sequence

    from google.auth.transport import Request

    from brokerd_client.tokens import Token

_APPLIED: ContextVar[tuple[object, str] | None] = ContextVar("applied", default=None)
"""Which token this thread or task put on a request last, and whose it was."""

_NOT_COPIED = frozenset({"token", "expiry", "_refresh_worker", "_mark"})


class Credentials(credentials.Scoped, credentials.CredentialsWithQuotaProject):
    """A person's credentials, for `googleapiclient`, `google.cloud` and the like.

    They hold one access token at most and no refresh token. They never open a
    browser: where the person must sign in, they raise.

    Args:
        account: the broker's account; None where there is one, or a default.
        scopes: what the token must cover; None for all that was granted.
        default_scopes: what a library would like: the token is narrowed to them
            where the person granted them all, and is whole where not.
        quota_project_id: the project that pays, or None.
        min_ttl: seconds of life a token must have left. google-auth asks for
            another one from 225 s before the end.
        address: the broker's socket; None for the usual one.
        universe_domain: which Google this is for.
    """

    def __init__(
        self,
        account: str | None = None,
        *,
        scopes: Sequence[str] | None = None,
        default_scopes: Sequence[str] | None = None,
        quota_project_id: str | None = None,
        min_ttl: float = DEFAULT_MIN_TTL,
        address: str | os.PathLike[str] | None = None,
        universe_domain: str = credentials.DEFAULT_UNIVERSE_DOMAIN,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # google-auth has none
        # Not id(self): the credentials of another time may have lain here.
        self._mark = object()
        self._account = account
        self._learned_account: str | None = None
        self._scopes = scopes
        self._default_scopes = default_scopes
        self._quota_project_id = quota_project_id
        self._min_ttl = min_ttl
        self._address = address
        self._universe_domain = universe_domain

    @property
    def account(self) -> str:
        """The account's name; empty until the broker has chosen the default one."""
        return self._account or self._learned_account or ""

    @property
    def requires_scopes(self) -> bool:
        """False: the person chose scopes at sign-in.

        True would make `googleapiclient` ask for every scope its document lists.
        """
        return False

    def refresh(self, request: Request | None) -> None:
        """Get a token from the broker.

        While the present token still counts as valid, only a 401 makes Google's
        libraries call this: the broker is then told which token was refused.

        Args:
            request: not used; the broker does the network's part.

        Raises:
            google.auth.exceptions.RefreshError: with the broker's sentence and
                hint, its problem document, and whether trying again may help; or
                that the token is bound to a key, which these libraries cannot use.
        """
        del request
        rejected = self.token if self.valid else None
        applied = _APPLIED.get()
        if rejected and applied and applied[0] is self._mark and applied[1] != rejected:
            # Another thread has refreshed since this one's request left: what was
            # refused is the token before this one.
            return
        try:
            token = self._ask(rejected)
        except BrokerError as exc:
            raise exceptions.RefreshError(  # type: ignore[no-untyped-call]  # google-auth has none
                str(exc), exc.problem(), retryable=exc.retryable
            ) from exc
        if token.token_type != BEARER:
            raise _unusable(token)
        self._learned_account = token.account
        # The token first: a thread that reads between the lines takes the new one
        # for expired and asks again, not the old one for fresh.
        self.token = token.value
        self.expiry = _naive_utc(token.expires_at)

    def apply(
        self, headers: MutableMapping[str, str], token: str | None = None
    ) -> None:
        """Put the token into `headers`, and remember which one it was."""
        super().apply(headers, token)  # type: ignore[no-untyped-call]  # google-auth has none
        used = token or self.token
        if used:
            _APPLIED.set((self._mark, used))

    def get_cred_info(self) -> dict[str, str]:
        """What Google's libraries add to their own messages; nothing secret."""
        return {
            "credential_source": f"brokerd socket {find_socket(self._address)[0]}",
            "credential_type": "user credentials",
            "principal": self.account,
        }

    def with_scopes(
        self, scopes: Sequence[str] | None, default_scopes: Sequence[str] | None = None
    ) -> Self:
        """A copy with other scopes, and no token yet."""
        return self._with(_scopes=scopes, _default_scopes=default_scopes)

    def with_quota_project(self, quota_project_id: str | None) -> Self:
        """A copy that another project pays for, and no token yet."""
        return self._with(_quota_project_id=quota_project_id)

    def with_account(self, account: str | None) -> Self:
        """A copy for another account, and no token yet."""
        return self._with(_account=account, _learned_account=None)

    def __getstate__(self) -> dict[str, object]:
        # A copy or a pickle asks the broker for itself: a token in a pickle would
        # lie on a disk. google-auth's background thread cannot be copied at all.
        return {k: v for k, v in self.__dict__.items() if k not in _NOT_COPIED}

    def __setstate__(self, state: dict[str, object]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # google-auth has none
        self._mark = object()
        self.__dict__.update(state)

    def __repr__(self) -> str:
        return f"Credentials(account={self.account!r}, scopes={self._scopes!r})"

    def _with(self, **members: object) -> Self:
        other = copy.copy(self)
        other.__dict__.update(members)
        return other

    def _ask(self, rejected: str | None) -> Token:
        client = BrokerClient(self._address)
        if self._scopes is None and self._default_scopes:
            try:
                return client.token(
                    self._account,
                    self._default_scopes,
                    min_ttl=self._min_ttl,
                    rejected=rejected,
                )
            except ScopeNotGrantedError:
                pass  # they are a wish: the whole token will do
        return client.token(
            self._account, self._scopes, min_ttl=self._min_ttl, rejected=rejected
        )


def default(
    scopes: Sequence[str] | None = None,
    *,
    account: str | None = None,
    default_scopes: Sequence[str] | None = None,
    quota_project_id: str | None = None,
) -> tuple[Credentials, None]:
    """As `google.auth.default()`: credentials and a project, which nobody knows.

    Asks nothing yet; the first request does.
    """
    found = Credentials(
        account,
        scopes=scopes,
        default_scopes=default_scopes,
        quota_project_id=quota_project_id,
    )
    return found, None


def _unusable(token: Token) -> exceptions.RefreshError:
    # They would send it as a Bearer token, which every API refuses.
    what = (
        f"the tokens of '{token.account}' are bound to a key (DPoP), which Google's "
        f"libraries cannot use (sign in again: brokerctl login {token.account} "
        "--no-dpop)"
    )
    return exceptions.RefreshError(what, retryable=False)  # type: ignore[no-untyped-call]  # google-auth has none


def _naive_utc(expires_at: float | None) -> datetime | None:
    # google-auth compares with a naive moment in UTC; an aware one is a TypeError.
    if expires_at is None:
        return None
    return datetime.fromtimestamp(expires_at, UTC).replace(tzinfo=None)
