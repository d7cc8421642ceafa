"""Whom a failure holds up, as a table: its issuer, a client of it, or one request."""

from enum import IntEnum

from broker.model.errors import (
    BrokerError,
    ClientRejectedError,
    ClockWrongError,
    CredentialFileError,
    CredentialRefusedError,
    DelegationRefusedError,
    ImpersonationRefusedError,
    IssuerMalformedError,
    IssuerOverloadedError,
    IssuerUnreachableError,
    LoginRequiredError,
    PolicyRefusedError,
    ReauthenticationRequiredError,
    RefreshRefusedError,
    ScopeRefusedError,
    WorkloadTokenError,
)


class Concern(IntEnum):
    """Whom a failure holds up; what an error concerns, all before it are fine."""

    ISSUER = 0
    CLIENT = 1
    REQUEST = 2
    GRANT = 3
    """Recorded in the grant itself."""


CONCERNS: dict[type[BrokerError], Concern] = {
    IssuerUnreachableError: Concern.ISSUER,
    IssuerOverloadedError: Concern.ISSUER,
    IssuerMalformedError: Concern.ISSUER,
    ClientRejectedError: Concern.CLIENT,
    ClockWrongError: Concern.CLIENT,
    ScopeRefusedError: Concern.REQUEST,
    CredentialFileError: Concern.REQUEST,
    CredentialRefusedError: Concern.REQUEST,
    DelegationRefusedError: Concern.REQUEST,
    ImpersonationRefusedError: Concern.REQUEST,
    WorkloadTokenError: Concern.REQUEST,
    PolicyRefusedError: Concern.REQUEST,
    RefreshRefusedError: Concern.REQUEST,
    LoginRequiredError: Concern.GRANT,
    ReauthenticationRequiredError: Concern.GRANT,
}
"""Every other error is ours or the disk's, and says nothing about the issuer."""
