"""Tokens of Google's for accounts without a person, by google-auth in a thread.

The loop never waits: google-auth does, in a thread of its own, while its requests go
out through the loop. Imported when the first such account needs a token.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from google.auth.exceptions import GoogleAuthError

from broker.model.account import Account, AccountName
from broker.model.errors import (
    BadRequestError,
    BrokerError,
    CredentialRefusedError,
    ImpersonationRefusedError,
    IssuerMalformedError,
    WorkloadTokenError,
)
from broker.model.google import GoogleCredentials
from broker.model.grant import Grant
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.model.token import BEARER, AccessToken
from broker.oauth.google_life import signed_life
from broker.oauth.google_refusals import Asking
from broker.services.google_door import Given, GoogleDoor
from broker.services.google_flow import (
    Wanted,
    access_token,
    endpoints_of,
    has_key,
    id_token,
)
from broker.services.google_transport import LoopRequest, in_thread
from broker.services.minting import MintingWorld
from broker.services.token_cache import TokenKey
from broker.services.workload_tokens import WorkloadFileError

log = logging.getLogger(__name__)

ASSUMED_LIFE = Seconds(3600)
"""Of a token whose answer says nothing of it: an hour is what Google gives."""

_Flow = Callable[[Wanted, Secret | None, LoopRequest], Secret]


class GoogleMinter:
    """A `Minter` for Google's credentials."""

    def __init__(self, world: MintingWorld) -> None:
        self._world = world

    async def mint(self, grant: Grant, key: TokenKey) -> AccessToken:
        """See `Minter.mint`."""
        began = self._world.clock.now()
        account, spec = grant.account, _spec(grant)
        scopes = account.scopes if key.scopes is None else tuple(sorted(key.scopes))
        # Of an account that is for one API alone: signed for an audience, not scopes, a
        # token may do there all that the service account may.
        audience = None if account.scopes else account.resource
        wanted = Wanted(spec=spec, at=began.wall, scopes=scopes, audience=audience)
        value, door = await self._begun(access_token, wanted, account)
        given = door.given or Given(
            obtained=began,
            life=(signed_life(value) if spec.self_signed else None) or ASSUMED_LIFE,
        )
        return AccessToken(
            value=value,
            token_type=BEARER,
            scopes=frozenset(scopes),
            obtained=given.obtained,
            life=given.life,
        )

    async def id_token(self, grant: Grant, audience: str) -> Secret:
        """An ID token (OpenID Connect) of the service account, for this audience.

        Not cached, and not looked into: whoever asks does both.

        Raises:
            BadRequestError: there is no service account: a workload by itself has none.
            BrokerError: as for an access token.
        """
        spec = _spec(grant)
        if spec.impersonate is None and not has_key(spec):
            what = "an ID token needs a service account: a key, or --impersonate"
            raise BadRequestError(what=what)
        now = self._world.clock.now().wall
        wanted = Wanted(spec=spec, at=now, audience=audience)
        value, _ = await self._begun(id_token, wanted, grant.account)
        return value

    async def _begun(
        self, flow: _Flow, wanted: Wanted, account: Account
    ) -> tuple[Secret, GoogleDoor]:
        """What a flow gives, with a newer token of the parent where one is no good.

        Once: what is refused with a new one has another reason.
        """
        name = wanted.spec.parent
        if name is None:
            return await self._held(flow, wanted, account, None)
        parent = await self._world.token_of(name)
        try:
            return await self._held(flow, wanted, account, parent)
        except (CredentialRefusedError, ImpersonationRefusedError) as exc:
            newer = await self._newer(name, parent) if _is_about(exc) else None
            if newer is None:
                raise
        return await self._held(flow, wanted, account, newer)

    async def _newer(
        self, name: AccountName, parent: AccessToken
    ) -> AccessToken | None:
        try:
            newer = await self._world.token_of(name, parent.digest)
        except BrokerError:
            return None  # what was refused is what the person should know
        return None if newer.value == parent.value else newer

    def _door(
        self, spec: GoogleCredentials, account: Account, parent: AccessToken | None
    ) -> GoogleDoor:
        world = self._world
        return GoogleDoor(
            sender=world.sender,
            clock=world.clock,
            skews=world.skews,
            endpoints=endpoints_of(spec),
            asking=Asking(
                account=account.name,
                issuer=account.issuer.url,
                client_id=account.client.client_id,
                impersonate=spec.impersonate,
                subject=spec.subject,
            ),
            given=None
            if parent is None or parent.life is None
            else Given(obtained=parent.obtained, life=parent.life),
        )

    async def _held(
        self,
        flow: _Flow,
        wanted: Wanted,
        account: Account,
        parent: AccessToken | None,
    ) -> tuple[Secret, GoogleDoor]:
        """One conversation of google-auth's, and the door that it went through.

        Raises:
            BrokerError: what ended it, in our words.
        """
        door = self._door(wanted.spec, account, parent)
        request = LoopRequest(door, asyncio.get_running_loop())
        token = None if parent is None else parent.value
        work = partial(flow, wanted, token, request)
        try:
            return await in_thread(work, name=f"google {account.name}"), door
        except WorkloadFileError as exc:
            raise WorkloadTokenError(
                account=account.name, where=exc.where, what=exc.what
            ) from None
        except (
            GoogleAuthError,
            ValueError,
            TypeError,
            LookupError,
            ArithmeticError,
        ) as exc:
            # From None: google-auth's exceptions carry the answer, token and all.
            raise _turned(exc, request.fault, account) from None
        finally:
            request.close()


def _spec(grant: Grant) -> GoogleCredentials:
    spec = grant.unattended
    if not isinstance(spec, GoogleCredentials):
        raise TypeError(type(spec).__name__)
    return spec


def _is_about(error: CredentialRefusedError | ImpersonationRefusedError) -> bool:
    """Whether it is about the token that it began with, by Google's words for that."""
    return error.error in {"UNAUTHENTICATED", "invalid_grant", "invalid_token"}


def _turned(exc: Exception, fault: BrokerError | None, account: Account) -> BrokerError:
    """What ended a conversation, in our words."""
    log.info("google.failed account=%s kind=%s", account.name, type(exc).__name__)
    if fault is not None:
        return fault.again()
    # Every answer that is no good was a fault already, and the file was looked at when
    # the account was made: what is left is a good answer without a token in it.
    what = "its token answer: there is no token that google-auth can read"
    return IssuerMalformedError(issuer=account.issuer.url, what=what)
