"""Which minter makes the tokens of which kind of account: a table.

Most daemons have no such account: each is imported when the first of its kind needs a
token.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from broker.model.google import GoogleCredentials
from broker.model.unattended import (
    ClientCredentials,
    JwtBearer,
    TokenExchange,
    Unattended,
)
from broker.services.minting import MakeMinter, Minter, MintingWorld

if TYPE_CHECKING:
    from broker.services.minting_exchange import ExchangeMinter
    from broker.services.minting_google import GoogleMinter


class Minters:
    """Every minter, made when it is first needed."""

    def __init__(self, world: MintingWorld) -> None:
        self._world = world
        self._made: dict[type[Unattended], Minter] = {}

    def of(self, unattended: Unattended) -> Minter:
        """The minter for an account of this kind."""
        kind = type(unattended)
        if kind not in self._made:
            self._made[kind] = _MAKERS[kind](self._world)
        return self._made[kind]


def _client_credentials(world: MintingWorld) -> Minter:
    from broker.services.minting_oauth import (  # noqa: PLC0415 - see the top
        TokenEndpointMinter,
        client_credentials_form,
    )

    return TokenEndpointMinter(world, client_credentials_form)


def _exchange_minter(world: MintingWorld) -> "ExchangeMinter":
    from broker.services.minting_exchange import (  # noqa: PLC0415 - see the top
        ExchangeMinter,
    )

    return ExchangeMinter(world)


def _google_minter(world: MintingWorld) -> "GoogleMinter":
    from broker.services.minting_google import (  # noqa: PLC0415 - see the top
        GoogleMinter,
    )

    return GoogleMinter(world)


def _jwt_bearer(world: MintingWorld) -> Minter:
    from broker.services.minting_oauth import (  # noqa: PLC0415 - see the top
        TokenEndpointMinter,
        jwt_bearer_form,
    )

    return TokenEndpointMinter(world, jwt_bearer_form)


_MAKERS: Mapping[type[Unattended], MakeMinter] = {
    ClientCredentials: _client_credentials,
    JwtBearer: _jwt_bearer,
    TokenExchange: _exchange_minter,
    GoogleCredentials: _google_minter,
}
