"""What may be asked for: of whose grant, and no more than was granted. Pure."""

from broker.model.account import AccountName
from broker.model.errors import ScopeNotGrantedError
from broker.model.grant import Grant, narrowed_resource
from broker.model.token import Scopes
from broker.model.unattended import View
from broker.services.grants import Grants
from broker.services.lineage import parent_grant, through
from broker.services.token_cache import TokenKey


def asked_of(
    grants: Grants, account: AccountName, scopes: Scopes | None, resource: str | None
) -> tuple[Grant, TokenKey]:
    """The grant that is asked, and for what.

    Of a view both are its parent's: the cache, the refresh, and what goes wrong.

    Raises:
        UnknownAccountError: no account has this name.
        ScopeNotGrantedError, ResourceNotGrantedError: more than a view is for, or for
            another resource than was granted.
    """
    grant = grants.get(account)
    while isinstance(grant.unattended, View):
        scopes, resource = through(grant, scopes, resource)
        grant = parent_grant(grants, grant) or grant
    name = grant.account.name
    resource = narrowed_resource(grant.account, resource)
    return grant, TokenKey(account=name, scopes=scopes, resource=resource)


def require_granted(grant: Grant, *, scopes: Scopes | None) -> None:
    """Nothing, where the grant has them; nothing is ever widened.

    Raises:
        ScopeNotGrantedError: it has not, with all that a sign-in has to ask for.
    """
    if scopes is None or scopes <= grant.scopes:
        return
    missing = tuple(sorted(scopes - grant.scopes))
    # A sign-in asks for what it names and for nothing else: whoever named only what is
    # missing would lose the rest. Each once, in the person's order.
    asked = grant.account.scopes or sorted(grant.scopes)
    raise ScopeNotGrantedError(
        account=grant.account.name,
        missing=missing,
        wanted=tuple(dict.fromkeys([*asked, *missing])),
        unattended=grant.unattended is not None,
    )
