"""How a person logs out."""

import msgspec


class LogOutOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a person logs out.

    Attributes:
        local_only: forget without asking the issuer, now or later.
        require_revoked: change nothing here unless the issuer has revoked it.
        keep_sign_in: keep issuer, client and scopes for the next login.
    """

    local_only: bool = False
    require_revoked: bool = False
    keep_sign_in: bool = False
