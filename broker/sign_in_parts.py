"""The parts of signing in, introduced to each other. Imported at the first sign-in.

A third of our code, and a daemon that was started to hand out tokens never needs it.
"""

import secrets
from collections.abc import Mapping

from broker import __version__
from broker.host import SystemClock
from broker.model.account import Account
from broker.model.issuer import IssuerPreset
from broker.model.way import Way
from broker.net.loopback import LoopbackListener
from broker.services.by_device import ByDevice
from broker.services.by_redirect import BY_REDIRECT, ByRedirect
from broker.services.clients import Clients
from broker.services.events import Events
from broker.services.identification import Identifier
from broker.services.interfaces import HttpSender
from broker.services.issuer_keys import IssuerKeys
from broker.services.logins import LoginService
from broker.services.moving_in import MovingIn
from broker.services.redemption import Redeemer
from broker.services.registering import Registering
from broker.services.sign_in import SignIns
from broker.services.userinfo import UserinfoReader
from broker.services.vault import Vault
from broker.services.way_in import WayIn


class SignInParts:
    """Every way to sign in, and the book of the logins under way.

    Attributes:
        logins: that book.
        moving_in: takes sign-ins of other tools over.
    """

    def __init__(
        self,
        *,
        vault: Vault,
        presets: Mapping[str, IssuerPreset],
        client_document: str | None,
        keys: IssuerKeys,
        sender: HttpSender,
        clock: SystemClock,
        events: Events,
    ) -> None:
        self._vault = vault
        self._registering = Registering(
            sender=sender,
            clock=clock,
            random=secrets.token_bytes,
            version=__version__,
        )
        clients = Clients(
            sender=sender, registering=self._registering, document=client_document
        )
        identifier = Identifier(keys=keys, clock=clock)
        userinfo = UserinfoReader(sender=sender, clock=clock)
        redeemer = Redeemer(
            vault=vault,
            identifier=identifier,
            userinfo=userinfo,
            sender=sender,
            clock=clock,
            events=events,
        )
        sign_ins = SignIns(presets=presets, sender=sender, clients=clients)
        self.moving_in = MovingIn(
            vault=vault,
            sign_ins=sign_ins,
            identifier=identifier,
            userinfo=userinfo,
            sender=sender,
            clock=clock,
            events=events,
        )
        self.logins = LoginService(
            vault=vault,
            sign_ins=sign_ins,
            ways=_ways(vault, redeemer, sender, clock),
            clock=clock,
            events=events,
            random=secrets.token_bytes,
        )

    def let_go(self, account: Account) -> None:
        """Its client goes with it, see `Registering.let_go`."""
        self._registering.let_go(account)

    async def clean_up(self) -> None:
        """Delete what logins left at issuers; once they have ended, the store open."""
        await self._registering.close(self._vault.find)


def _ways(
    vault: Vault, redeemer: Redeemer, sender: HttpSender, clock: SystemClock
) -> Mapping[Way, WayIn]:
    by_redirect = ByRedirect(
        redeemer=redeemer,
        sender=sender,
        listener=LoopbackListener(),
        clock=clock,
        random=secrets.token_bytes,
    )
    by_device = ByDevice(vault=vault, redeemer=redeemer, sender=sender, clock=clock)
    return {**dict.fromkeys(BY_REDIRECT, by_redirect), Way.DEVICE: by_device}
