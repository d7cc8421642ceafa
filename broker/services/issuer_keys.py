"""Issuers' keys: fetched when the first ID token is looked at, and kept for a while.

A key that is not known is looked for at once, since issuers change theirs whenever they
like; and not again and again, since whoever makes a token up names any key.
"""

import asyncio
import logging

from broker.model.errors import (
    BrokerError,
    IssuerMalformedError,
    IssuerOverloadedError,
    IssuerUnreachableError,
)
from broker.model.http import HttpResponse
from broker.model.issuer import Issuer
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.oauth.compact import Compact, parse_compact
from broker.oauth.faults import transport_fault
from broker.oauth.jwks import KeySet, fresh_for, keys_request, parse_key_set
from broker.oauth.signature import Header, Verdict, fault, parse_header, verdict
from broker.services.interfaces import Clock, HttpSender

log = logging.getLogger(__name__)

LOOK_PAUSE = Seconds(60)
"""Between two looks for a key that is not known, or for keys that could not be had."""

MOST_ISSUERS = 256
"""Whose keys are kept."""

_OK = 200


class IssuerKeys:
    """Checks signatures of ID tokens against what their issuers publish."""

    def __init__(self, *, sender: HttpSender, clock: Clock) -> None:
        self._sender = sender
        self._clock = clock
        self._issuers: dict[tuple[str, str], _Published] = {}

    async def check(self, token: Secret, issuer: Issuer) -> BrokerError | None:
        """See that the issuer has signed the token.

        Returns:
            None where it has. Also where it publishes no keys at all: then the
            connection that the token came over is its proof (OpenID Connect Core 1.0
            section 3.1.3.7 step 6). Else why that cannot be known now.

        Raises:
            IssuerMalformedError: it has not, or it is no signed token.
        """
        compact = parse_compact(token, issuer=issuer.url)
        header = parse_header(compact, issuer)
        if issuer.jwks_uri is None:
            return None
        published = self._published(issuer.url, issuer.jwks_uri)
        found = await published.verdict(compact, header)
        if found is Verdict.RIGHT:
            return None
        if found is Verdict.NO_KEY and published.fault is not None:
            log.warning("id_token.unchecked issuer=%s", issuer.url)
            return published.fault.again()
        log.warning("id_token.refused issuer=%s why=%s", issuer.url, found.name)
        raise fault(compact, found)

    def _published(self, issuer: str, url: str) -> "_Published":
        place = (issuer, url)
        if place not in self._issuers:
            while len(self._issuers) >= MOST_ISSUERS:
                del self._issuers[next(iter(self._issuers))]
            self._issuers[place] = _Published(*place, self._sender, self._clock)
        return self._issuers[place]


class _Published:
    """The keys of one issuer. All moments are of the boot clock.

    Attributes:
        fault: why they could not be had when they were last asked for, or None. Those
            that came before still serve.
    """

    def __init__(self, issuer: str, url: str, sender: HttpSender, clock: Clock) -> None:
        self._issuer = issuer
        self._url = url
        self._sender = sender
        self._clock = clock
        self._keys = KeySet(keys=())
        self._next_fetch = Seconds(0)
        self._next_look = Seconds(0)
        self._fetches = 0
        self._fetching = asyncio.Lock()
        self.fault: BrokerError | None = None

    async def verdict(self, token: Compact, header: Header) -> Verdict:
        """What the keys say of a token, newer ones too where that may help."""
        seen = self._fetches
        if not seen or self._clock.now().boot >= self._next_fetch:
            await self._fetch(seen)
        found = verdict(token, header, self._keys)
        if found is not Verdict.RIGHT and self._fetches == seen and self._may_look():
            await self._fetch(seen)
            found = verdict(token, header, self._keys)
        return found

    def _may_look(self) -> bool:
        """Whether to look for a key before its time; whoever is told so does it."""
        if self._fetching.locked():
            return True  # somebody does already, and that is waited for
        now = self._clock.now().boot
        if now < self._next_look:
            return False
        self._next_look = Seconds(now + LOOK_PAUSE)
        return True

    async def _fetch(self, seen: int) -> None:
        """Fetch them, where nobody has since `seen` was counted."""
        async with self._fetching:
            if self._fetches != seen:
                return
            try:
                response = await self._sender.send(keys_request(self._url))
                self._keys, self.fault = self._parsed(response), None
                wait = fresh_for(response)
            except (
                IssuerMalformedError,
                IssuerOverloadedError,
                IssuerUnreachableError,
            ) as exc:
                log.warning("issuer.keys.failed issuer=%s", self._issuer)
                self.fault, wait = exc.again(), LOOK_PAUSE
                self._next_look = Seconds(self._clock.now().boot + wait)
            self._fetches += 1
            self._next_fetch = Seconds(self._clock.now().boot + wait)

    def _parsed(self, response: HttpResponse) -> KeySet:
        """What came.

        Raises:
            BrokerError: it is no key set.
        """
        met = transport_fault(response, self._issuer)
        if met is not None:
            raise met
        if response.status != _OK:
            what = f"its keys: HTTP status {response.status}"
            raise IssuerMalformedError(issuer=self._issuer, what=what)
        keys = parse_key_set(response.body, issuer=self._issuer)
        log.info(
            "issuer.keys.complete issuer=%s keys=%d passed_over=%d",
            self._issuer,
            len(keys.keys),
            keys.passed_over,
        )
        return keys
