"""All the services, on fakes: a broker without network, disk, browser or time."""

import hashlib
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec.structs import replace

from broker.model.account import Account, AccountName
from broker.model.client import Client
from broker.model.grant import Grant
from broker.model.http import HttpResponse
from broker.model.issuer import Issuer, IssuerPreset
from broker.model.late import Late
from broker.model.peer import Peer, Socket
from broker.model.premises import DiskFacts, FolderFacts, Premises, ProcessFacts
from broker.model.secret import Secret
from broker.model.time import Seconds, UnixTime
from broker.model.way import Way
from broker.oauth.dpop import dpop_key
from broker.services.access import Access
from broker.services.accounts import Accounts
from broker.services.adding import Adding
from broker.services.by_device import ByDevice
from broker.services.by_redirect import BY_REDIRECT, ByRedirect
from broker.services.clients import Clients
from broker.services.consents import Consents
from broker.services.deriving import Deriving
from broker.services.doctor import Doctor
from broker.services.events import Events
from broker.services.gate import Asker, Gate
from broker.services.grants import Grants
from broker.services.id_token_checks import IdTokenChecker
from broker.services.id_tokens import IdTokens
from broker.services.identification import Identifier
from broker.services.issuer_keys import IssuerKeys
from broker.services.issuers import Issuers
from broker.services.logins import LoginService
from broker.services.moving_in import MovingIn
from broker.services.moving_out import MovingOut
from broker.services.opened import Opened
from broker.services.proofs import Proofs
from broker.services.proving import ProvingSender
from broker.services.question_pages import QuestionPages
from broker.services.redemption import Redeemer
from broker.services.registering import Registering
from broker.services.remembering import Remembering
from broker.services.sign_in import SignIns
from broker.services.sockets import Sockets
from broker.services.store_making import StoreMaker
from broker.services.tokens import TokenService
from broker.services.userinfo import UserinfoReader
from broker.services.vault import Vault
from tests.fakes.clock import FakeClock
from tests.fakes.doors import FakeDoors
from tests.fakes.gate import FakeConsent, FakeLooker, FakeUsage
from tests.fakes.listener import FakeListener
from tests.fakes.processes import FakeProcesses
from tests.fakes.question_site import FakeQuestionSite
from tests.fakes.recorder import FakeRecorder
from tests.fakes.sender import FakeSender, json_response
from tests.fakes.store import MemoryStore
from tests.services.door import FakeDoor, FakeKeys

if TYPE_CHECKING:
    from broker.services.audit import Audit

WORK = AccountName("work")
HOME = AccountName("home")

ISSUER = Issuer(
    url="https://issuer.example",
    authorization_endpoint="https://issuer.example/authorize",
    token_endpoint="https://issuer.example/token",
    revocation_endpoint="https://issuer.example/revoke",
)
METADATA: dict[str, object] = {
    "issuer": ISSUER.url,
    "authorization_endpoint": ISSUER.authorization_endpoint,
    "token_endpoint": ISSUER.token_endpoint,
    "revocation_endpoint": ISSUER.revocation_endpoint,
}
CLIENT = Client(client_id="client-1")
ADMIN = Socket(name="admin", owner_uid=1000)
PERSON = Asker(socket=ADMIN, peer=Peer(uid=1000, pid=4711))
STRANGER = Asker(socket=ADMIN, peer=Peer(uid=1001, pid=4712))


SCOPE_WORDS = {"any": {"mail": "read your mail"}}

PREMISES = Premises(
    state=FolderFacts(
        path="/state", is_there=True, names=frozenset({"store.db", "store.ballast"})
    ),
    runtime=FolderFacts(path="/run", is_there=True, names=frozenset({"broker.sock"})),
    config="/config/config.toml",
    disk=DiskFacts(free_bytes=2**30, free_files=100_000),
    process=ProcessFacts(is_traceable=False, core_bytes=0),
)
"""Where all is well."""


def an_account(name: AccountName = WORK, scopes: str = "drive mail") -> Account:
    """An account at the issuer of this world."""
    return Account(
        name=name, issuer=ISSUER, client=CLIENT, scopes=tuple(scopes.split())
    )


def a_grant(
    name: AccountName = WORK,
    *,
    refresh_token: str | None = "refresh-1",
    scopes: str = "drive mail",
    version: int = 1,
    subject: str | None = None,
) -> Grant:
    """A live grant."""
    return Grant(
        account=an_account(name, scopes),
        version=version,
        refresh_token=None if refresh_token is None else Secret(refresh_token),
        scopes=frozenset(scopes.split()),
        subject=subject,
        granted_at=UnixTime(1_800_000_000),
    )


DPOP_KEY = dpop_key(bytes(32))


def a_bound_grant() -> Grant:
    """A live grant of 'work' whose tokens are bound to `DPOP_KEY`."""
    grant = a_grant()
    account = replace(grant.account, dpop=True)
    return replace(grant, account=account, dpop_key=DPOP_KEY)


def token_answer(value: str = "access-1", **members: object) -> HttpResponse:
    """A success of the token endpoint; a member that is None is left out."""
    body: dict[str, object] = {
        "access_token": value,
        "token_type": "Bearer",
        "expires_in": 3600,
        **members,
    }
    return json_response({k: v for k, v in body.items() if v is not None})


def refusal(error: str, status: int = 400, **members: object) -> HttpResponse:
    """A refusal of the token endpoint."""
    return json_response({"error": error, **members}, status=status)


def digest(value: str) -> str:
    """What a peer sends of a token that an API refused."""
    return hashlib.sha256(value.encode()).hexdigest()


_ALIVE: deque[object] = deque(maxlen=8)
# The worlds of this test, and of some before. A world that nobody holds any more takes
# its waiting logins and timers with it, before the end of the test's loop can cancel
# them.


async def tokens_on(
    store: MemoryStore, sender: FakeSender, clock: FakeClock
) -> tuple[TokenService, Grants]:
    """The token service of a daemon that has just started on `store`."""
    grants = Grants(store)
    await grants.load()
    tokens = TokenService(
        grants=grants,
        sender=sender,
        clock=clock,
        events=Events(),
        jitter=lambda: 0.0,
    )
    _ALIVE.append((tokens, clock))
    return tokens, grants


class CountedBytes:
    """Randomness that a test can tell: every call gives other bytes."""

    def __init__(self) -> None:
        self._calls = 0

    def __call__(self, size: int) -> bytes:
        self._calls += 1
        return self._calls.to_bytes(size, "big")


@dataclass
class World:
    """A daemon's worth of services; `source` is None before the first login."""

    store: MemoryStore = field(default_factory=MemoryStore)
    source: str | None = "plain"
    presets: Mapping[str, IssuerPreset] = field(default_factory=dict)
    clock: FakeClock = field(default_factory=FakeClock)
    sender: FakeSender = field(default_factory=FakeSender)
    listener: FakeListener = field(default_factory=FakeListener)
    events: Events = field(default_factory=Events)
    premises: Premises = PREMISES
    client_document: str | None = None

    def __post_init__(self) -> None:
        _ALIVE.append(self)
        random = CountedBytes()
        self.outbound = ProvingSender(self.sender, clock=self.clock, random=random)
        self.door = FakeDoor(self.store, source=self.source)
        self.recorder = FakeRecorder()
        self.audit: Audit | None = None
        self.vault = self.a_vault()
        self.keys = FakeKeys(self.door)
        self.doctor = Doctor(
            vault=self.vault, keys=self.keys, look=lambda: self.premises
        )
        self.maker = StoreMaker(vault=self.vault, door=self.door, clock=self.clock)
        self.consent = FakeConsent()
        self.looker = FakeLooker()
        self.usage = FakeUsage()
        self.access = Access(
            vault=self.vault,
            gate=Gate(
                clock=self.clock,
                looker=Late(lambda: self.looker),
                consent=Late(lambda: self.consent),
                usage=Late(lambda: self.usage),
            ),
            recorder=self.recorder,
        )
        self.issuer_keys = IssuerKeys(sender=self.outbound, clock=self.clock)
        self.id_tokens = IdTokens(
            access=self.access,
            vault=self.vault,
            checker=IdTokenChecker(
                keys=self.issuer_keys, presets=self.presets, clock=self.clock
            ),
            clock=self.clock,
        )
        self.consents = Consents(
            vault=self.vault,
            clock=self.clock,
            events=self.events,
            recorder=self.recorder,
            remembering=Remembering(
                vault=self.vault, clock=self.clock, random=CountedBytes()
            ),
            scope_words=Late(lambda: SCOPE_WORDS),
        )
        self.question_site = FakeQuestionSite()
        self.question_pages = QuestionPages(self.consents, self.question_site)
        self.proofs = Proofs(access=self.access, clock=self.clock, random=random)
        self.registering = Registering(
            sender=self.sender,
            clock=self.clock,
            random=CountedBytes(),
            version="1.2",
        )
        self.moving_in = MovingIn(
            vault=self.vault,
            sign_ins=self.sign_ins(),
            identifier=Identifier(keys=self.issuer_keys, clock=self.clock),
            userinfo=UserinfoReader(sender=self.outbound, clock=self.clock),
            sender=self.outbound,
            clock=self.clock,
            events=self.events,
        )
        issuers = Issuers(presets=self.presets, sender=self.outbound)
        self.adding = Adding(
            vault=self.vault,
            issuers=issuers,
            clock=self.clock,
            events=self.events,
        )
        self.deriving = Deriving(
            vault=self.vault, adding=self.adding, issuers=issuers, clock=self.clock
        )
        self.moving_out = MovingOut(
            vault=self.vault, clock=self.clock, events=self.events
        )
        self.accounts = Accounts(
            vault=self.vault,
            clock=self.clock,
            events=self.events,
            gone=self.registering.let_go,
        )
        self.logins = self.a_login_service()
        self.doors = FakeDoors()
        self.processes = FakeProcesses()
        self.sockets = self.a_book_of_sockets()

    def sign_ins(self) -> SignIns:
        """At the issuers of this world."""
        return SignIns(
            presets=self.presets,
            sender=self.outbound,
            clients=Clients(
                sender=self.outbound,
                registering=self.registering,
                document=self.client_document,
            ),
        )

    def a_login_service(self) -> LoginService:
        """Over the vault of this world."""
        random = CountedBytes()
        redeemer = Redeemer(
            vault=self.vault,
            identifier=Identifier(keys=self.issuer_keys, clock=self.clock),
            userinfo=UserinfoReader(sender=self.outbound, clock=self.clock),
            sender=self.outbound,
            clock=self.clock,
            events=self.events,
        )
        by_device = ByDevice(
            vault=self.vault,
            redeemer=redeemer,
            sender=self.outbound,
            clock=self.clock,
        )
        by_redirect = ByRedirect(
            redeemer=redeemer,
            sender=self.sender,
            listener=self.listener,
            clock=self.clock,
            random=random,
        )
        return LoginService(
            vault=self.vault,
            sign_ins=self.sign_ins(),
            ways={**dict.fromkeys(BY_REDIRECT, by_redirect), Way.DEVICE: by_device},
            clock=self.clock,
            events=self.events,
            random=random,
        )

    def a_book_of_sockets(self) -> Sockets:
        """As after a start of the daemon; it restores nothing by itself."""
        return Sockets(
            vault=self.vault,
            doors=self.doors,
            clock=self.clock,
            recorder=self.recorder,
            processes=self.processes,
            closed=self.consents.socket_ended,
        )

    def a_vault(
        self,
        lock_after_idle: Seconds | None = None,
        when_open: Callable[[Opened], Awaitable[None]] | None = None,
    ) -> Vault:
        """A vault over the store of this world."""
        return Vault(
            door=self.door,
            sender=self.outbound,
            clock=self.clock,
            events=self.events,
            recorder=self.recorder,
            lock_after_idle=lock_after_idle,
            when_open=when_open,
        )

    @property
    def tokens(self) -> TokenService:
        """Of the open store."""
        return self.vault.require_open().tokens

    @property
    def grants(self) -> Grants:
        """Of the open store."""
        return self.vault.require_open().grants


async def a_world(*grants: Grant) -> World:
    """A world whose store is open and holds `grants`."""
    world = World(store=MemoryStore(*grants))
    await world.vault.open_at_start()
    return world
