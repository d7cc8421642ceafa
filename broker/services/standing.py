"""What stands at this moment, for a listener that was not there when it began."""

from broker.model.errors import LoginRequiredError, ReauthenticationRequiredError
from broker.model.event import Event, EventKind
from broker.model.grant import Grant, GrantState
from broker.model.time import UnixTime
from broker.services.events import Events
from broker.services.grants import require_live
from broker.services.vault import Vault, VaultState


def standing_events(vault: Vault, events: Events, at: UnixTime) -> list[Event]:
    """`LISTENING`, then an event for each state that a listener should know of.

    A locked store, accounts that need a login, issuers that are down, grants that
    are not saved. Nothing is said of what is as it should be.

    Args:
        vault: asked whether it is open, for its grants, and for what is not saved.
        events: remembers which issuers are down.
        at: this moment.
    """
    told = [Event(kind=EventKind.LISTENING, at=at)]
    if vault.state is VaultState.LOCKED:
        told.append(Event(kind=EventKind.LOCKED, at=at, reason=vault.locked_because))
    if vault.state is VaultState.CORRUPT:
        why = "the store cannot be read"
        told.append(Event(kind=EventKind.LOCKED, at=at, reason=why))
    if vault.opened is not None:
        told += [
            Event(
                kind=EventKind.LOGIN_NEEDED,
                at=at,
                account=grant.account.name,
                issuer=grant.account.issuer.url,
                reason=reason,
            )
            for grant in vault.opened.grants.all()
            if (reason := _why_a_login(grant)) is not None
        ]
    if (unsaved := vault.degraded) is not None:
        told.append(Event(kind=EventKind.UNSAVED, at=at, reason=unsaved.what))
    return [*told, *events.issuers_down]


def _why_a_login(grant: Grant) -> str | None:
    """Why the person is wanted; None where a token can be had, or was signed out of.

    Whoever signed out knows, and wants to hear no more of it.
    """
    if grant.state is GrantState.SIGNED_OUT:
        return None
    try:
        require_live(grant)
    except (LoginRequiredError, ReauthenticationRequiredError) as exc:
        return exc.reason
    return None
