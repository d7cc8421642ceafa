"""The outbound door for one Google credential: to its own endpoints, and no others.

google-auth may think of more: of a workload it asks which regions its token may be used
in, and sends the token along. Every answer is looked at here before google-auth sees
it. An error of ours is not one that it tries again, nor sleeps over: that is our
business.
"""

import msgspec

from broker.model.errors import (
    BrokerError,
    IssuerInvalidError,
    WorkloadTokenError,
)
from broker.model.http import HttpRequest, HttpResponse
from broker.model.time import Instant, Seconds
from broker.oauth.google_endpoints import is_metadata, shown_origin
from broker.oauth.google_life import life_of
from broker.oauth.google_refusals import Asking, google_answer
from broker.services.interfaces import Clock, HttpSender
from broker.services.skew import Skews

_OK = 200


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """Where a credential may be sent.

    Attributes:
        tokens: token endpoints of Google's.
        iam: of its IAM Credentials API.
        sources: where a workload asks for its own token; what lies under one of them
            is one, too: AWS has a list there.
    """

    tokens: frozenset[str] = frozenset()
    iam: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()

    def has_source(self, url: str) -> bool:
        """Whether a workload's own token is asked for there."""
        return any(url == each or url.startswith(each + "/") for each in self.sources)


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """How long a token lives.

    Attributes:
        obtained: before it was asked for.
        life: from there, in seconds.
    """

    obtained: Instant
    life: Seconds


class GoogleDoor:
    """Satisfies `HttpSender`, for one conversation.

    Args:
        given: how long what it begins with lives, from when: the token of another
            account; else None.

    Attributes:
        given: the same of what Google has given last. An answer that says nothing of
            it is about a token that lives as long as the one before.
    """

    def __init__(
        self,
        *,
        sender: HttpSender,
        clock: Clock,
        skews: Skews,
        endpoints: Endpoints,
        asking: Asking,
        given: "Given | None" = None,
    ) -> None:
        self._sender = sender
        self._clock = clock
        self._skews = skews
        self._endpoints = endpoints
        self._asking = asking
        self.given = given

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send one request, if it goes to an endpoint of the credential.

        Raises:
            IssuerInvalidError: it does not.
            WorkloadTokenError: the workload's own token is not to be had.
            BrokerError: what Google refused, told apart; see `google_answer`.
        """
        url, known = request.url, self._endpoints
        if known.has_source(url):
            return await self._from_source(request)
        is_iam = url in known.iam
        if not is_iam and url not in known.tokens:
            what = "is no endpoint of this credential"
            raise IssuerInvalidError(issuer=shown_origin(url), what=what)
        sent = self._clock.now()
        response = await self._sender.send(request)
        answered = self._clock.now()
        issuer = self._asking.issuer
        self._skews.heard(issuer, response, sent=sent, answered=answered)
        answer = google_answer(response, asking=self._asking, is_iam=is_iam)
        life = life_of(answer, response.date or answered.wall)
        if life is not None:
            self.given = Given(obtained=sent, life=life)
        return response

    async def _from_source(self, request: HttpRequest) -> HttpResponse:
        where = shown_origin(request.url)
        try:
            response = await self._sender.send(_to_itself(request))
        except BrokerError as exc:
            # Not the issuer's fault: it would hold up every other account of Google's.
            what = str(exc.facts().get("what", "does not answer"))
            raise self._missing(where, what) from None
        if response.status != _OK:
            raise self._missing(where, f"it answered with status {response.status}")
        return response

    def _missing(self, where: str, what: str) -> WorkloadTokenError:
        return WorkloadTokenError(account=self._asking.account, where=where, what=what)


def _to_itself(request: HttpRequest) -> HttpRequest:
    """The same, in the clear where it goes to the machine's own metadata service."""
    return HttpRequest(
        method=request.method,
        url=request.url,
        headers=request.headers,
        to_metadata=is_metadata(request.url),
    )
