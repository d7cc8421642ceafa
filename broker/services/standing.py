"""What stands at this moment, for a listener that was not there when it began."""

from collections.abc import Iterator

from broker.model.errors import LoginRequiredError, ReauthenticationRequiredError
from broker.model.event import Event, EventKind
from broker.model.grant import Grant, GrantState, require_live
from broker.model.store import VaultState
from broker.model.time import UnixTime
from broker.services.opened import Opened
from broker.services.vault import Vault


def standing_events(vault: Vault, at: UnixTime) -> Iterator[Event]:
    """`LISTENING`, then an event for each state that a listener should know of.

    A locked store, accounts that need a login, issuers that are down, grants that
    are not saved. Nothing is said of what is as it should be.

    Args:
        vault: what is asked.
        at: this moment; told where nobody knows since when.
    """
    yield Event(kind=EventKind.LISTENING, at=at)
    if vault.state is VaultState.LOCKED:
        yield Event(kind=EventKind.LOCKED, at=at, reason=vault.locked_because)
    if vault.state is VaultState.CORRUPT:
        why = "the store cannot be read"
        yield Event(kind=EventKind.LOCKED, at=at, reason=why)
    if vault.opened is not None:
        yield from _in_the_open(vault.opened, at)


def _in_the_open(opened: Opened, at: UnixTime) -> Iterator[Event]:
    for grant in opened.grants.all():
        if (reason := _why_a_login(grant)) is not None:
            yield Event(
                kind=EventKind.LOGIN_NEEDED,
                at=at,
                account=grant.account.name,
                issuer=grant.account.issuer.url,
                reason=reason,
            )
    for outage in opened.tokens.health.outages():
        yield Event(
            kind=EventKind.ISSUER_DOWN,
            at=outage.since,
            issuer=outage.issuer,
            reason=outage.reason,
            until=outage.until,
        )
    if (unsaved := opened.degraded) is not None:
        yield Event(kind=EventKind.UNSAVED, at=unsaved.since, reason=unsaved.what)


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
