"""Name and address of whoever has signed in, where the ID token has not said them.

For showing alone, and never worth a sign-in: what goes wrong here is passed over.
"""

import logging
from contextlib import suppress

from broker.model.errors import (
    GrantChangedError,
    IssuerMalformedError,
    IssuerOverloadedError,
    IssuerUnreachableError,
)
from broker.model.grant import Grant
from broker.model.person import Person
from broker.model.time import Seconds
from broker.model.token import BEARER, AccessToken
from broker.oauth.userinfo import Userinfo, parse_userinfo, userinfo_request
from broker.services.grants import Grants
from broker.services.interfaces import Clock, HttpSender
from broker.services.waits import at_most

log = logging.getLogger(__name__)

PATIENCE = Seconds(5)
"""The person waits; the sign-in is saved already."""

SOMEBODY_ELSES = (
    "the issuer's userinfo is about somebody else than its ID token: name and address "
    "are not shown"
)


class UserinfoReader:
    """Asks UserInfo endpoints, once for each sign-in."""

    def __init__(self, *, sender: HttpSender, clock: Clock) -> None:
        self._sender = sender
        self._clock = clock

    async def describe(
        self, grants: Grants, grant: Grant, token: AccessToken
    ) -> str | None:
        """Keep with a grant that is saved what the endpoint says of its person.

        Returns:
            A note for the person, where there is something to tell.
        """
        url = grant.account.issuer.userinfo_endpoint
        known = grant.person or Person()
        # A bound token would need a proof, and what it opens is only a name.
        if url is None or known.is_known or token.token_type != BEARER:
            return None
        if grant.subject is None:
            return None
        info = await at_most(PATIENCE, self._clock, self._asked(url, grant, token))
        if info is None:
            return None
        if info.subject != grant.subject:
            # Section 5.3.2: what it says is not to be used.
            log.warning("userinfo.other_subject account=%s", grant.account.name)
            return SOMEBODY_ELSES
        person = known.filled_from(info.person)
        with suppress(GrantChangedError):
            await grants.described(grant, person)
        return None

    async def _asked(
        self, url: str, grant: Grant, token: AccessToken
    ) -> Userinfo | None:
        name, issuer = grant.account.name, grant.account.issuer.url
        try:
            response = await self._sender.send(userinfo_request(url, token))
            return parse_userinfo(response, issuer=issuer)
        except (
            IssuerMalformedError,
            IssuerOverloadedError,
            IssuerUnreachableError,
        ) as exc:
            log.warning("userinfo.failed account=%s code=%s", name, exc.code)
            return None
