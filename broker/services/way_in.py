"""What a way to sign in is to the book of logins, as Protocols."""

from typing import Protocol

import msgspec

from broker.model.time import Seconds
from broker.model.way import Way
from broker.services.login import Login

DEFAULT_TIMEOUT = Seconds(300)
LONGEST_TIMEOUT = Seconds(3600)


class LoginOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the person wants of this one login.

    Attributes:
        way: see `Way`.
        again: whether one that is under way already is to end.
        other_person: whether another person than before may sign in.
        timeout: seconds to wait for the authorization response.
        success_message: a sentence for the success page, or None.
    """

    way: Way = Way.LOOPBACK
    again: bool = False
    other_person: bool = False
    timeout: Seconds = DEFAULT_TIMEOUT
    success_message: str | None = None


class UnderWay(Protocol):
    """A login that has begun."""

    async def finish(self) -> None:
        """Await the issuer's answer, and bring the login to its end.

        Raises:
            BrokerError: why there is no grant.
        """
        ...

    async def close(self) -> None:
        """Let go of what was held for it. Idempotent."""
        ...


class WayIn(Protocol):
    """One way, or several that differ little."""

    async def begin(self, login: Login, options: LoginOptions) -> UnderWay:
        """Make ready all that the person needs, and write it into `login`.

        Raises:
            BrokerError: it cannot begin; nothing is held then.
        """
        ...
