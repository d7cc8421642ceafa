"""What completes sign-in requests, on fakes, without a login around it."""

from collections.abc import Mapping

from broker.model.issuer import IssuerPreset
from broker.services.clients import Clients
from broker.services.registering import Registering
from broker.services.sign_in import SignIns
from tests.fakes.clock import FakeClock
from tests.fakes.sender import FakeSender
from tests.services.world import CountedBytes


def registering(sender: FakeSender, clock: FakeClock | None = None) -> Registering:
    """What registers clients."""
    return Registering(
        sender=sender,
        clock=clock or FakeClock(),
        random=CountedBytes(),
        version="1.2",
    )


def sign_ins(
    sender: FakeSender,
    presets: Mapping[str, IssuerPreset] | None = None,
    document: str | None = None,
) -> SignIns:
    """What completes sign-in requests."""
    return SignIns(
        presets=presets or {},
        sender=sender,
        clients=Clients(
            sender=sender, registering=registering(sender), document=document
        ),
    )
