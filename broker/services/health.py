"""How the issuers are, as it was met: which are down, which do not accept a client, and
whose clock is not ours.

Asks nobody: one that nobody wants anything of may have been well for long.
"""

from broker.model.account import AccountName
from broker.model.http import HttpResponse
from broker.model.time import Instant
from broker.services.circuit import Circuits, Outage
from broker.services.grants import Grants
from broker.services.interfaces import Clock
from broker.services.skew import Skew, Skews


class Health:
    """What is known of the issuers of accounts."""

    def __init__(
        self, *, grants: Grants, circuits: Circuits, skews: Skews, clock: Clock
    ) -> None:
        self._grants = grants
        self._circuits = circuits
        self._skews = skews
        self._clock = clock

    def outage(self, account: AccountName) -> Outage | None:
        """Whether its issuer is down: tokens at hand are served while they live."""
        grant = self._grants.find(account)
        return None if grant is None else self.outage_at(grant.account.issuer.url)

    def outage_at(self, issuer: str) -> Outage | None:
        """The same of an issuer's URL."""
        return self._circuits.outage(issuer)

    def outages(self) -> list[Outage]:
        """Every issuer that is down, and may be asked again: nobody is left to find
        out that one is well which has given nothing that could be renewed.
        """
        grants = self._grants.all()
        asked = {g.account.issuer.url for g in grants if g.is_renewable}
        return [each for each in self._circuits.outages() if each.issuer in asked]

    def rejected_clients(self) -> list[Outage]:
        """Every client that its issuer does not accept, each once."""
        held = (
            self._circuits.outage_of_client(grant.account)
            for grant in self._grants.all()
            if grant.is_renewable
        )
        return list({(o.issuer, o.client_id): o for o in held if o}.values())

    def skews(self) -> list[Skew]:
        """Every issuer of an account whose clock is not ours."""
        known = {grant.account.issuer.url for grant in self._grants.all()}
        return [each for each in self._skews.all() if each.issuer in known]

    def heard(self, issuer: str, response: HttpResponse, *, sent: Instant) -> None:
        """Look at the time in an answer of the token endpoint that has just come."""
        now = self._clock.now()
        self._skews.heard(issuer, response, sent=sent, answered=now)
