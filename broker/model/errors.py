"""Every error of the broker: facts, named for who must act. Knows no advice.

What is said to the person, and what to do next, stands in `ipc/problems.py`.
The fields of an error are shown to people: text from strangers passes
`safe_text` before it gets here, and no field is ever a secret. None is
equal to another: an exception must stay hashable for the traceback machinery.
"""

from typing import ClassVar, Self, dataclass_transform


@dataclass_transform(eq_default=False, kw_only_default=True)
class BrokerError(Exception):
    """The base of all; never raised itself.

    A subclass names its fields as a dataclass does, and is made by naming them. It is
    none: half a hundred dataclasses take a megabyte of every daemon's memory.
    """

    code: ClassVar[str]
    """The stable name on the wire."""
    names: ClassVar[tuple[str, ...]] = ()
    """Of the fields, in their order."""
    inside: ClassVar[frozenset[str]] = frozenset()
    """Fields that no peer is shown."""
    is_of_another: bool = False
    """Whether it was met on the way to a token of another account that this one's is
    made of, and has been noted there."""

    def __init_subclass__(cls) -> None:
        # Not by `inspect`, which is large.
        cls.names = tuple(cls.__annotations__)

    def __init__(self, **fields: object) -> None:
        super().__init__()
        missing = [name for name in self.names if not hasattr(type(self), name)]
        if not set(missing) <= set(fields) <= set(self.names):
            raise TypeError(f"{type(self).__name__} has the fields {self.names}")
        for name, value in fields.items():
            setattr(self, name, value)

    def facts(self) -> dict[str, object]:
        """The error's fields by name, but those that are for the services alone."""
        return {
            name: getattr(self, name) for name in self.names if name not in self.inside
        }

    def again(self, **changes: object) -> Self:
        """The same error without its traceback, with some fields changed."""
        fields = {name: getattr(self, name) for name in self.names}
        return type(self)(**{**fields, **changes})

    def __str__(self) -> str:
        facts = " ".join(f"{name}={value!r}" for name, value in self.facts().items())
        return f"{self.code} {facts}".rstrip()


# --- the peer must act ---------------------------------------------------------


class BadRequestError(BrokerError):
    """The request has the wrong form."""

    code = "bad_request"
    what: str


class UnknownAccountError(BrokerError):
    """No account has this name."""

    code = "unknown_account"
    account: str


class AccountNeededError(BrokerError):
    """No account was named, there is no default, and there are several."""

    code = "account_needed"
    accounts: tuple[str, ...]


class NoAccountsError(BrokerError):
    """No account was named, and there is none at all."""

    code = "no_accounts"


class ScopeNotGrantedError(BrokerError):
    """More scopes were asked for than the person granted.

    Attributes:
        account: whose grant.
        missing: what was not granted.
        wanted: all that a sign-in would have to ask for.
        made_with: the words that make the account, where it is a view of another one.
        unattended: whether it is another account without a person.
    """

    code = "scope_not_granted"
    inside = frozenset({"made_with", "unattended"})
    account: str
    missing: tuple[str, ...]
    wanted: tuple[str, ...]
    made_with: tuple[str, ...] = ()
    unattended: bool = False


class NotNarrowedError(BrokerError):
    """The issuer gives no token that is as narrow as the view it is asked for.

    Attributes:
        account: the view.
        extra: what its token could do beyond that.
        wanted: what the view is for.
        made_with: the words that make it.
    """

    code = "not_narrowed"
    inside = frozenset({"wanted", "made_with"})
    account: str
    extra: tuple[str, ...]
    wanted: tuple[str, ...]
    made_with: tuple[str, ...]


class ResourceNotGrantedError(BrokerError):
    """A token was asked for another resource than the sign-in is for.

    Attributes:
        account: whose grant.
        resource: what was asked for.
        granted: the one that there are tokens for.
    """

    code = "resource_not_granted"
    account: str
    resource: str
    granted: str


class NoIdTokenError(BrokerError):
    """The account has no ID token of the kind that was asked for.

    Attributes:
        account: whose.
        reason: why, as the end of a sentence.
        unattended: whether nobody has signed in, nor can.
    """

    code = "no_id_token"
    inside = frozenset({"unattended"})
    account: str
    reason: str
    unattended: bool = False


class AudienceRefusedError(BrokerError):
    """The account's ID tokens are for its own client, and for no other audience.

    Attributes:
        account: whose.
        audience: that was asked for, made safe to show.
        own: that they are for.
    """

    code = "audience_refused"
    account: str
    audience: str
    own: str


class AccountExistsError(BrokerError):
    """An account is to be made under a name that one has already."""

    code = "account_exists"
    account: str


class ImportRefusedError(BrokerError):
    """The sign-in of another tool cannot become an account; nothing is kept of it."""

    code = "import_refused"
    issuer: str
    what: str
    """Why, in words for after a colon."""


class NotExportableError(BrokerError):
    """The grant would be of no use to anybody else."""

    code = "not_exportable"
    account: str
    what: str


class AccountBusyError(BrokerError):
    """Too many different tokens of one account are asked for at once."""

    code = "account_busy"
    account: str
    waiting: int


class NotPermittedError(BrokerError):
    """This peer may not do this on this socket.

    Attributes:
        rule: of the policy, where one was against it.
    """

    code = "not_permitted"
    inside = frozenset({"rule"})
    what: str
    rule: str | None = None


class TooManyRequestsError(BrokerError):
    """A restricted socket has given as many tokens as it may for now.

    Attributes:
        retry_after: seconds until it gives another.
    """

    code = "too_many_requests"
    socket: str
    retry_after: int


class UnknownSocketError(BrokerError):
    """No restricted socket has this name."""

    code = "unknown_socket"
    socket: str


class SocketExistsError(BrokerError):
    """A restricted socket has this name already."""

    code = "socket_exists"
    socket: str


class SocketUnusableError(BrokerError):
    """A restricted socket cannot be where, or as, it is to be.

    Attributes:
        socket: its name.
        what: is wrong with it, with the path.
    """

    code = "socket_unusable"
    socket: str
    what: str


class ConsentPendingError(BrokerError):
    """The person was asked, and has not answered yet.

    Attributes:
        question: its id; asking for the same again waits for the same answer.
    """

    code = "consent_pending"
    account: str
    question: str


class UnknownQuestionError(BrokerError):
    """No open question has this id."""

    code = "unknown_question"
    question: str


class UnknownConsentError(BrokerError):
    """No remembered answer has this id."""

    code = "unknown_consent"
    consent: str


class UnknownLoginError(BrokerError):
    """No login under way has this id."""

    code = "unknown_login"
    login: str


class PasteRefusedError(BrokerError):
    """What was pasted is not the answer to this login, which goes on.

    Attributes:
        what: the end of a sentence that begins with 'what was pasted'.
    """

    code = "paste_refused"
    account: str
    what: str


# --- the person must act -------------------------------------------------------


class LoginRequiredError(BrokerError):
    """There is no live grant: the person must sign in (again).

    Attributes:
        account: whose.
        reason: why, as the end of a sentence.
        is_gone: whether nothing of it is left that could say how it was made.
    """

    code = "login_required"
    inside = frozenset({"is_gone"})
    account: str
    reason: str
    is_gone: bool = False


class ReauthenticationRequiredError(BrokerError):
    """The grant lives, but the issuer wants to see the person again."""

    code = "reauthentication_required"
    account: str
    reason: str


class LoginRefusedError(BrokerError):
    """The person, or the issuer on the redirect, said no."""

    code = "login_refused"
    account: str
    error: str
    description: str


class LoginTimedOutError(BrokerError):
    """No authorization response came in time."""

    code = "login_timed_out"
    account: str
    seconds: int
    browser_errors: tuple[str, ...] = ()


class AnotherPersonError(BrokerError):
    """Somebody else signed in than before; the older grant still stands.

    Attributes:
        expected: the issuer's name for who signed in before (`sub`).
        found: who it was now, made safe to show.
    """

    code = "another_person"
    account: str
    expected: str
    found: str


class LoginFailedError(BrokerError):
    """The login ended without a grant."""

    code = "login_failed"
    account: str
    reason: str


class DeviceCodeExpiredError(BrokerError):
    """Nobody entered the device's code in time."""

    code = "device_code_expired"
    account: str
    seconds: int


class DeviceScopeRefusedError(BrokerError):
    """The issuer does not give these scopes with a device code.

    Attributes:
        account: whose login it was to be.
        error: the issuer's.
        description: the issuer's.
        allowed: what it is known to give so; empty where that is not known.
    """

    code = "device_scope_refused"
    account: str
    error: str
    description: str
    allowed: tuple[str, ...] = ()


class ClientSecretsError(BrokerError):
    """The client_secret.json is not one."""

    code = "client_secrets_invalid"
    what: str


class CredentialFileError(BrokerError):
    """A file of an account without a person is not one that can be used.

    Or a private key, or whatever else it is to show its issuer.

    Attributes:
        what: why not.
        stays: whether it lies where it is, and is read again and again.
    """

    code = "credential_file_invalid"
    inside = frozenset({"stays"})
    what: str
    stays: bool = False


class ClientDocumentError(BrokerError):
    """The document that is to be the client is none that an issuer could take."""

    code = "client_document_invalid"
    url: str
    what: str


class ClientNeededError(BrokerError):
    """A first sign-in names no client, or no issuer."""

    code = "sign_in_incomplete"
    account: str
    missing: str


class WayRefusedError(BrokerError):
    """The issuer is known to refuse this way to sign in.

    Attributes:
        issuer: the name of its preset.
        way: such as 'oob'.
        what: why, and what to do instead: whole sentences.
    """

    code = "way_refused"
    issuer: str
    way: str
    what: str


class DpopUnsupportedError(BrokerError):
    """Bound tokens are wanted of an issuer that does not say that it gives any.

    Attributes:
        issuer: which.
        offered: algorithms of proofs that it takes, none of them ours.
    """

    code = "dpop_unsupported"
    issuer: str
    offered: tuple[str, ...]


class PortInUseError(BrokerError):
    """The redirect listener cannot have its port."""

    code = "port_in_use"
    host: str
    port: int


class LockedError(BrokerError):
    """The store is locked."""

    code = "locked"
    reason: str


class StoppingError(BrokerError):
    """The daemon is ending; the next one answers."""

    code = "stopping"


class TooManyListenersError(BrokerError):
    """As many listen to events as may; one of them must leave first."""

    code = "too_many_listeners"
    most: int


class KeySourceUnavailableError(BrokerError):
    """The place that was to keep the key of a new store cannot; no store was made."""

    code = "key_source_unavailable"
    source: str
    reason: str


class KeySlotError(BrokerError):
    """A key slot of the store cannot be changed as was asked; nothing has changed."""

    code = "key_slot_refused"
    slot: int
    what: str


class WrongPassphraseError(BrokerError):
    """The passphrase does not open the store."""

    code = "wrong_passphrase"


class StoreExistsError(BrokerError):
    """A store is there already; no new one is made over it."""

    code = "store_exists"


class BackupInvalidError(BrokerError):
    """These bytes are no backup that can be restored; nothing has changed."""

    code = "backup_invalid"
    what: str


class StoreCorruptError(BrokerError):
    """The store file cannot be read as one."""

    code = "store_corrupt"
    path: str
    what: str


class StoreFailedError(BrokerError):
    """The disk refused: what was to be saved is not saved."""

    code = "store_failed"
    what: str


class SettingDamagedError(StoreFailedError):
    """A setting is there, and does not open."""

    what: str


class DirectoryUnsafeError(BrokerError):
    """A folder that must be the person's alone is not."""

    code = "directory_unsafe"
    path: str
    what: str


class AlreadyRunningError(BrokerError):
    """Another daemon holds the lock.

    Attributes:
        path: of the lock.
        pid: of that daemon, where it said so.
        socket: where that daemon listens, where it said so.
    """

    code = "already_running"
    path: str
    pid: int | None = None
    socket: str | None = None


class ConfigError(BrokerError):
    """A setting cannot be used: a variable, a path, a descriptor of a unit."""

    code = "config_invalid"
    path: str
    what: str


class IssuerNeededError(BrokerError):
    """A protected resource takes tokens of several issuers: the person picks one."""

    code = "issuer_needed"
    account: str
    resource: str
    issuers: tuple[str, ...]


# --- the issuer, or whoever runs it, must act ----------------------------------


class IssuerUnreachableError(BrokerError):
    """No answer of an issuer: network, TLS, time.

    Attributes:
        issuer: whom, as an issuer URL or an origin.
        what: in plain words.
        sent: False where it is known that no byte of the request has left, so that
            what it carries, such as a refresh token, cannot have been used up.
    """

    code = "issuer_unreachable"
    inside = frozenset({"sent"})
    issuer: str
    what: str
    retry_after: int | None = None
    sent: bool = True


class IssuerOverloadedError(BrokerError):
    """The issuer asks for patience (429, 503)."""

    code = "issuer_overloaded"
    issuer: str
    retry_after: int | None = None


class IssuerMalformedError(BrokerError):
    """The answer is not what the protocol says: HTML, a wrong type, too long."""

    code = "issuer_malformed"
    issuer: str
    what: str
    retry_after: int | None = None


class IssuerInvalidError(BrokerError):
    """The issuer cannot be used: its URL, its metadata or an endpoint is wrong."""

    code = "issuer_invalid"
    issuer: str
    what: str


class IssuerMovedError(BrokerError):
    """An issuer names endpoints at hosts that it did not name before.

    Attributes:
        issuer: its URL.
        hosts: those that are new.
    """

    code = "issuer_moved"
    issuer: str
    hosts: tuple[str, ...]


class IssuerMismatchError(BrokerError):
    """The metadata names another issuer (RFC 8414 section 3.3)."""

    code = "issuer_mismatch"
    issuer: str
    found: str


class RegistrationRefusedError(BrokerError):
    """The issuer registers no client of this kind (RFC 7591 section 3.2.2)."""

    code = "registration_refused"
    issuer: str
    error: str
    description: str


class ResourceInvalidError(BrokerError):
    """A protected resource, such as an MCP server, does not say how to sign in to it.

    Attributes:
        resource: its URL.
        what: the end of a sentence.
    """

    code = "resource_invalid"
    resource: str
    what: str


class ClientRejectedError(BrokerError):
    """The issuer does not accept the client: invalid_client and its like."""

    code = "client_rejected"
    issuer: str
    error: str
    description: str


class CredentialRefusedError(BrokerError):
    """The issuer gives an account without a person no token for what it has shown."""

    code = "credential_refused"
    account: str
    issuer: str
    error: str
    description: str


class ScopeRefusedError(BrokerError):
    """The issuer does not give these scopes with this grant: invalid_scope.

    Attributes:
        account: whose.
        error: what the issuer said.
        description: in its words.
        unattended: whether nobody has signed in, nor can.
    """

    code = "scope_refused"
    inside = frozenset({"unattended"})
    account: str
    error: str
    description: str
    unattended: bool = False


class PolicyRefusedError(BrokerError):
    """Whoever administers the issuer does not allow it; the grant may be alive.

    Attributes:
        account: whose.
        issuer: which.
        error: what it said.
        description: in its words.
        unattended: whether nobody has signed in, nor can.
    """

    code = "policy_refused"
    inside = frozenset({"unattended"})
    account: str
    issuer: str
    error: str
    description: str
    unattended: bool = False


class ClockWrongError(BrokerError):
    """The issuer takes what this machine signs for too old, or for not yet valid."""

    code = "clock_wrong"
    issuer: str
    description: str


class DelegationRefusedError(BrokerError):
    """No administrator lets a service account ask in a person's name.

    Attributes:
        account: which asked.
        client_id: of the service account, as an administrator types it.
        subject: the person.
    """

    code = "delegation_refused"
    account: str
    client_id: str
    subject: str
    description: str


class ImpersonationRefusedError(BrokerError):
    """An account may not become this service account.

    Attributes:
        account: which asked.
        email: of the service account.
    """

    code = "impersonation_refused"
    account: str
    email: str
    error: str
    description: str


class WorkloadTokenError(BrokerError):
    """A workload's own token, which its platform gives, is not to be had.

    Attributes:
        account: whose.
        where: the file or the origin that it comes from.
        what: in plain words, as the end of a sentence about `where`.
    """

    code = "workload_token_missing"
    account: str
    where: str
    what: str


class NotRevokedError(BrokerError):
    """The issuer did not revoke the grant, so it was not forgotten."""

    code = "not_revoked"
    account: str
    issuer: str
    what: str


class RefreshRefusedError(BrokerError):
    """The issuer refused this request, but the grant is not known to be dead."""

    code = "refresh_refused"
    account: str
    error: str
    description: str


# --- nobody outside ------------------------------------------------------------


class GrantChangedError(BrokerError):
    """The grant has moved on since it was loaded: load it again and look."""

    code = "grant_changed"
    account: str
