"""Google's credentials of accounts without a person, as they are sealed.

Checked before: see `oauth/google_credentials.py`.
"""

import msgspec

from broker.model.account import AccountName
from broker.model.secret import Secret


class GoogleCredentials(msgspec.Struct, frozen=True, kw_only=True, tag="google"):
    """A credential, and what is made of it: one of `Unattended`.

    Attributes:
        file: a service account's key or a workload's configuration, as JSON; None
            where `parent` is what it begins with.
        parent: the account whose token it begins with, or None.
        subject: the person of a Workspace domain in whose name it asks, or None.
        impersonate: the service account that it becomes, by e-mail address, or None.
        impersonation_url: where that is asked for, where it is not Google's usual.
        delegates: service accounts on the way there, by e-mail address, in order.
        lifetime: of an impersonated token, in seconds; None for Google's hour.
        boundary: what its tokens may do at most, as JSON, or None.
        self_signed: whether its tokens are signed here and asked of nobody: for
            the resource of the account, or for its scopes.
    """

    file: Secret | None = None
    parent: AccountName | None = None
    subject: str | None = None
    impersonate: str | None = None
    impersonation_url: str | None = None
    delegates: tuple[str, ...] = ()
    lifetime: int | None = None
    boundary: str | None = None
    self_signed: bool = False
