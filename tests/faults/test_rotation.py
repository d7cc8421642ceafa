"""At an issuer where two refreshes at once kill the grant: npm oidc-provider."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.faults.peer import ask_token
from tests.system.browser import open_page, sign_in_at_oidc_provider
from tests.system.hunt import hunt
from tests.system.issuers import OidcProvider, oidc_provider
from tests.system.person import Person, daemon
from tests.system.sign_in import begin
from tests.system.waiting import wait_until

LIFE_SECONDS = 2
LIVES = 20
"""As many of an hour would be a day, and are well under a minute here."""

PEERS = 8


@dataclass
class Peer:
    """One program that asks without end, and looks at each new token at the issuer."""

    person: Person
    issuer: OidcProvider
    seen: set[str] = field(default_factory=set)
    dead: list[str] = field(default_factory=list)

    def run(self, goes_on: Callable[[], bool]) -> None:
        while goes_on():
            answer = ask_token(self.person, "work", min_ttl=LIFE_SECONDS / 2)
            if answer.token not in self.seen:
                self.seen.add(answer.token)
                self._look_at(answer.token, answer.document["expires_at"])

    def _look_at(self, token: str, expires_at: object) -> None:
        assert isinstance(expires_at, float)
        # A slow machine may have let it expire meanwhile; the issuer counts in whole
        # seconds, and so up to one less than we do.
        if not self.issuer.is_active(token) and time.time() < expires_at - 1:
            self.dead.append(f"a token with {expires_at - time.time()} s to live")


def test_many_peers_over_many_lives_of_a_token_never_cost_the_grant(
    person: Person,
) -> None:
    with oidc_provider(access_ttl=LIFE_SECONDS) as issuer, daemon(person):
        login = begin(
            person,
            "work",
            f"--issuer={issuer.url}",
            "--client-id=native-app",
            "--scope=openid offline_access files:read",
        )
        with open_page() as page:
            sign_in_at_oidc_provider(page, login.url, "ada")
        assert login.end().status == 0

        peers = [Peer(person, issuer) for _ in range(PEERS)]
        with ThreadPoolExecutor(PEERS) as pool:
            running = [
                pool.submit(peer.run, lambda: len(issuer.grants) <= LIVES)
                for peer in peers
            ]
        for one in running:
            one.result()
        assert [peer.dead for peer in peers] == [[]] * PEERS
        seen = set.union(*(peer.seen for peer in peers))
        # It is alive to the end: one refresh more.
        wait_until(lambda: ask_token(person, "work").token not in seen, "one more life")
    given = {grant["access_token"] for grant in issuer.grants}
    assert seen <= given
    hunt(person, issuer.secrets())
