"""What an issuer is asked to end after a log-out: tokens, and a client of our own.

Each may be asked for any number of times. Knows no store.
"""

from collections.abc import Callable, Sequence

import msgspec

from broker.model.client import Client
from broker.model.errors import (
    ClientRejectedError,
    CredentialFileError,
    IssuerMalformedError,
    IssuerUnreachableError,
)
from broker.model.grant import Grant
from broker.model.http import HttpRequest, HttpResponse
from broker.model.leaving import leaving_name
from broker.model.secret import Secret
from broker.model.token import AccessToken
from broker.oauth.faults import wanted_wait
from broker.oauth.registration import deletion_request, is_deleted
from broker.oauth.revocation import (
    Revocation,
    RevocationAnswer,
    parse_revocation,
    revocation_request,
)
from broker.services.circuit import Outage
from broker.services.interfaces import Clock, HttpSender

MOST_ACCESS_TOKENS = 4
"""Of one log-out that are revoked, too. They end by themselves soon."""

_DELETES_NONE = frozenset({403, 405, 501})
"""RFC 7592 section 2.3: it lets no client be deleted, or not this one."""

_NOTHING = RevocationAnswer(outcome=Revocation.ENDED, what="there is no token")


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """What has come of it.

    Attributes:
        tokens: of the refresh token, or of the access token that is the grant.
        rest: the same, or what keeps the registration of the client from being deleted.
    """

    tokens: RevocationAnswer
    rest: RevocationAnswer


def can_end(grant: Grant) -> bool:
    """Whether there is anything that its issuer could be asked to end."""
    has_place = grant.account.issuer.revocation_endpoint is not None
    is_revocable = has_place and leaving_name(grant) is not None
    return is_revocable or _deletion(grant.account.client) is not None


class Revoker:
    """Asks issuers; never raises."""

    def __init__(
        self,
        *,
        sender: HttpSender,
        clock: Clock,
        outage: Callable[[str], Outage | None],
    ) -> None:
        """Ask nobody yet.

        Args:
            sender: to the issuers.
            clock: time.
            outage: whether the issuer of this URL is known to be down.
        """
        self._sender = sender
        self._clock = clock
        self._outage = outage

    async def end(
        self, grant: Grant, living: Sequence[AccessToken], *, is_client_used: bool
    ) -> Ending:
        """Ask for the end of all that is left.

        Args:
            grant: that is leaving.
            living: access tokens of it that have not ended.
            is_client_used: whether anybody else needs its client.
        """
        tokens = await self.revoke(grant)
        if tokens.outcome is Revocation.ENDED:
            await self.end_access_tokens(grant, living)
        deletion = None if is_client_used else _deletion(grant.account.client)
        is_alive = tokens.outcome is Revocation.OPEN and not tokens.is_client_refused
        if deletion is None or is_alive:
            return Ending(tokens=tokens, rest=tokens)
        deleted = await self._delete(deletion)
        if tokens.is_client_refused and deleted.outcome is Revocation.ENDED:
            # Nobody can use a token of a client that is gone.
            return Ending(tokens=deleted, rest=deleted)
        is_open = deleted.outcome is Revocation.OPEN
        return Ending(tokens=tokens, rest=deleted if is_open else tokens)

    async def revoke(self, grant: Grant) -> RevocationAnswer:
        """Ask for the end of its tokens."""
        issuer, now = grant.account.issuer, self._clock.now().wall
        outage = self._outage(issuer.url)
        if outage is not None and outage.until > now:
            wait = int(outage.until - now) + 1
            return unanswered(f"it is down: {outage.reason}", retry_after=wait)
        if grant.refresh_token is not None:
            return await self._revoke(grant, grant.refresh_token, "refresh_token")
        if grant.access_token is not None:
            return await self._revoke(grant, grant.access_token.value, "access_token")
        return _NOTHING

    async def end_access_tokens(
        self, grant: Grant, living: Sequence[AccessToken]
    ) -> bool:
        """Ask for the end of these, too; whether none of them lives on, as far as the
        issuer says.

        RFC 7009 section 2.1: it should have ended them with the refresh token, but
        nothing says whether it has.
        """
        own, now = grant.access_token, self._clock.now()
        known = None if own is None else own.value
        alive = [
            each for each in living if (left := each.left(now)) is None or left > 0
        ]
        tokens = [each.value for each in alive if each.value != known]
        for token in tokens[:MOST_ACCESS_TOKENS]:
            answer = await self._revoke(grant, token, "access_token")
            if answer.outcome is not Revocation.ENDED:
                return False
        return len(tokens) <= MOST_ACCESS_TOKENS

    async def _revoke(self, grant: Grant, token: Secret, hint: str) -> RevocationAnswer:
        account = grant.account
        request = revocation_request(
            issuer=account.issuer, client=account.client, token=token, hint=hint
        )
        if request is None:
            what = "the issuer has no place for it"
            return RevocationAnswer(outcome=Revocation.REFUSED, what=what)
        return await self._answer(request, parse_revocation)

    async def _delete(self, deletion: HttpRequest) -> RevocationAnswer:
        return await self._answer(deletion, _parse_deletion)

    async def _answer(
        self, request: HttpRequest, parse: Callable[[HttpResponse], RevocationAnswer]
    ) -> RevocationAnswer:
        try:
            return parse(await self._sender.send(request))
        except (
            CredentialFileError,
            IssuerUnreachableError,
            IssuerMalformedError,
        ) as exc:
            return unanswered(exc.what)
        except ClientRejectedError as exc:
            return unanswered(exc.description)


def unanswered(what: str, retry_after: int | None = None) -> RevocationAnswer:
    """Nobody knows; the issuer is to be asked again."""
    return RevocationAnswer(outcome=Revocation.OPEN, what=what, retry_after=retry_after)


def _deletion(client: Client) -> HttpRequest | None:
    kept = client.registration
    return None if kept is None else deletion_request(kept)


def _parse_deletion(response: HttpResponse) -> RevocationAnswer:
    what = f"its client is not deleted: HTTP status {response.status}"
    if is_deleted(response):
        return RevocationAnswer(outcome=Revocation.ENDED, what="its client is gone")
    if response.status in _DELETES_NONE:
        return RevocationAnswer(outcome=Revocation.REFUSED, what=what)
    return unanswered(what, retry_after=wanted_wait(response))
