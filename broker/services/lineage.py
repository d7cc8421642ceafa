"""What accounts are made of: views, and those whose tokens begin with another's. Pure.

Nothing here turns in a circle: `adding_derived` makes none that does.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from broker.model.account import AccountName
from broker.model.errors import (
    LoginRequiredError,
    NotNarrowedError,
    ScopeNotGrantedError,
)
from broker.model.grant import Grant, GrantState, narrowed_resource
from broker.model.time import UnixTime
from broker.model.token import AccessToken, Scopes
from broker.model.unattended import View, parent_of
from broker.services.at_hand import AtHand


def parent_grant(grants: AtHand, grant: Grant) -> Grant | None:
    """What an account is made of, or None where it stands by itself.

    Raises:
        LoginRequiredError: the other account is not there any more.
    """
    name = parent_of(grant.unattended)
    if name is None:
        return None
    parent = grants.find(name)
    if parent is None:
        reason = f"{grant.account.name!r} is made of it, and it is not there any more"
        raise LoginRequiredError(account=name, reason=reason, is_gone=True)
    return parent


def ancestors(grants: AtHand, grant: Grant) -> Iterator[Grant]:
    """All that an account is made of, the nearest first.

    Raises:
        LoginRequiredError: from `parent_grant`.
    """
    parent = parent_grant(grants, grant)
    while parent is not None:
        yield parent
        parent = parent_grant(grants, parent)


def is_made_of(grants: AtHand, name: AccountName, other: AccountName) -> bool:
    """Whether `other` is an ancestor of `name`, be it there or not."""
    grant = grants.find(name)
    while grant is not None:
        parent = parent_of(grant.unattended)
        if parent == other:
            return True
        grant = None if parent is None else grants.find(parent)
    return False


def source(grants: AtHand, grant: Grant) -> Grant:
    """Whose tokens are served under the account's name: its own, or of what it views.

    Raises:
        LoginRequiredError: from `parent_grant`.
    """
    while isinstance(grant.unattended, View):
        parent = parent_grant(grants, grant)
        if parent is None:
            break
        grant = parent
    return grant


def views(grants: AtHand, name: AccountName) -> tuple[Grant, ...]:
    """The views from `name` on to whose tokens they are; none where it is no view.

    Raises:
        LoginRequiredError: from `parent_grant`.
    """
    grant = grants.get(name)
    if not isinstance(grant.unattended, View):
        return ()
    seen = [grant, *ancestors(grants, grant)]
    return tuple(each for each in seen if isinstance(each.unattended, View))


def same_tokens(grants: AtHand, name: AccountName) -> tuple[AccountName, ...]:
    """The account, and of a view all that it is a view of: its tokens are theirs.

    Raises:
        LoginRequiredError: from `parent_grant`.
    """
    seen = views(grants, name)
    if not seen:
        return (name,)
    names = [each.account.name for each in seen]
    return (*names, source(grants, seen[-1]).account.name)


def through(
    view: Grant, scopes: Scopes | None, resource: str | None
) -> tuple[Scopes | None, str | None]:
    """What is asked of the parent, where this is asked of the view.

    Raises:
        ScopeNotGrantedError, ResourceNotGrantedError: it is more than the view is.
    """
    account = view.account
    narrowed_resource(account, resource)
    resource = account.resource or resource
    own = frozenset(account.scopes)
    if not own or scopes is None:
        return own or scopes, resource
    if not scopes <= own:
        missing = tuple(sorted(scopes - own))
        raise ScopeNotGrantedError(
            account=account.name,
            missing=missing,
            wanted=(*account.scopes, *missing),
            made_with=_made_with(view),
        )
    return scopes, resource


def refuse_wider(view: Grant, token: AccessToken) -> None:
    """Nothing, where a token is as narrow as the view that it is served under.

    Raises:
        NotNarrowedError: the issuer gives no narrower one.
    """
    own = frozenset(view.account.scopes)
    is_wider = isinstance(view.unattended, View) and view.unattended.wider
    if not own or is_wider or token.scopes <= own:
        return
    raise NotNarrowedError(
        account=view.account.name,
        extra=tuple(sorted(token.scopes - own)),
        wanted=view.account.scopes,
        made_with=_made_with(view),
    )


Standing = tuple[tuple[AccountName, UnixTime], ...]
"""Who had signed in when, of all that an account is made of."""


def standing(grants: AtHand, grant: Grant) -> Standing:
    """Another one later: a log-out or another login has come in between.

    Raises:
        LoginRequiredError: from `parent_grant`.
    """
    return tuple((a.account.name, a.granted_at) for a in ancestors(grants, grant))


def people(grants: AtHand, grant: Grant) -> tuple[str, ...]:
    """Who signed in to the account and to all that it is made of; or since when, where
    an issuer does not tell who: somebody else, perhaps, at the next sign-in.

    Raises:
        LoginRequiredError: from `parent_grant`.
    """
    every = (grant, *ancestors(grants, grant))
    return tuple(one.subject or f"since {one.granted_at}" for one in every)


def as_shown(grants: AtHand, grant: Grant) -> Grant:
    """The grant as a list shows it: a view is at the issuer of what it is a view of,
    and none is better off than what it is made of.
    """
    try:
        above = tuple(ancestors(grants, grant))
    except LoginRequiredError as exc:
        reason = f"{exc.account}: not there any more"
        return replace(grant, state=GrantState.SIGNED_OUT, ended_because=reason)
    if isinstance(grant.unattended, View):
        own = source(grants, grant)
        account = replace(
            grant.account, issuer=own.account.issuer, client=own.account.client
        )
        grant = replace(grant, account=account, scopes=grant.scopes or own.scopes)
    for each in above:
        if each.state is not GrantState.LIVE:
            reason = f"{each.account.name}: {each.ended_because or 'signed out'}"
            return replace(grant, state=each.state, ended_because=reason)
    return grant


def _made_with(view: Grant) -> tuple[str, ...]:
    """The words of `brokerctl add` that make it, but for its scopes."""
    parent, resource = parent_of(view.unattended), view.account.resource
    narrow = () if resource is None else ("--resource", resource)
    is_wider = isinstance(view.unattended, View) and view.unattended.wider
    return (
        *("--from", str(parent), *narrow),
        *(("--allow-wider",) if is_wider else ()),
    )
