"""Every fault of an issuer, tried once on one daemon: what came of it."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

from tests.faults.certificates import make_certificates
from tests.faults.clocks import boot_clock
from tests.faults.issuers import FaultyIssuer, FaultyIssuers, faulty_issuers
from tests.faults.peer import Answer, ask, ask_token, sign_in
from tests.faults.private_names import private_names
from tests.faults.readings import forget_peak, peak, resident
from tests.system.person import Person, daemon
from tests.system.waiting import wait_until

_HOST = "issuer.test"


@dataclass(frozen=True)
class Fault:
    """How a fault is brought about.

    Attributes:
        behaviour: of the issuer; None where the fault lies elsewhere.
        tls: whether it is one of https.
        host: where the issuer is.
        forgives: as of `RotatingIssuer`.
    """

    behaviour: str | None
    tls: bool = False
    host: str = "127.0.0.1"
    forgives: bool = False


_SPECIAL = {
    "mute": Fault("mute", tls=True),
    "tls-silence": Fault("silence", tls=True),
    "wrong-host": Fault("wrong-host", tls=True),
    "no-such-host": Fault(None, tls=True, host=_HOST),
    "commit-then-drop": Fault("commit-then-drop", forgives=True),
    "commit-then-drop-for-ever": Fault("commit-then-drop"),
}

_LONGEST_PEACE = 600
"""Seconds; less than the tokens live."""

WITHOUT_ANSWER = frozenset(
    {
        *("mute", "silence", "tls-silence", "slow-header", "slow-body"),
        "endless-continue",
    }
)
"""Only a deadline ends these: they run side by side, while the others take turns."""

_LAST = frozenset({"no-such-host"})
"""Once those have ended: a name that was looked up is remembered for ten seconds."""


@dataclass
class Outcome:
    """What one fault came to.

    Attributes:
        code: of the problem, or 'ok'.
        facts: the whole problem document; empty for 'ok'.
        growth: bytes that the daemon's memory grew by, at most, meanwhile.
        calm: what another account's peers were told meanwhile.
        healed: the code of the same account once its issuer is well again.
        state: of the account in the end.
        seen: what the issuer has seen of the refreshes.
        leaked: how many requests the other origin got.
        sent: bytes of a flood that the daemon took.
    """

    code: str = ""
    facts: dict[str, object] = field(default_factory=dict)
    growth: int = 0
    calm: set[str] = field(default_factory=set)
    healed: str = ""
    state: str = ""
    seen: list[dict[str, object]] = field(default_factory=list)
    leaked: int = 0
    sent: int = 0


def try_all(person: Person, faults: list[str]) -> dict[str, Outcome]:
    """Sign in once for each fault, let all happen, heal all, and look."""
    folder = person.home.parent
    certificates = make_certificates(folder, "127.0.0.1", _HOST)
    names = private_names(folder, _HOST)
    boot = boot_clock(person)
    authority = {"SSL_CERT_FILE": str(certificates.authority)}
    special = replace(
        boot.person,
        wrapper=names.wrapper(),
        session={**boot.person.session, **authority},
    )
    with (
        faulty_issuers(certificates) as issuers,
        daemon(special) as running,
        ThreadPoolExecutor(len(WITHOUT_ANSWER) + 1) as pool,
    ):
        elsewhere = issuers.open("elsewhere")
        trial = _Trial(person, running.pid, issuers, pool, elsewhere)
        trial.sign_in(faults)
        names.set()
        trial.meet()
        names.set(_HOST)
        # Whatever is being left in peace for a while has been so for long enough.
        boot.throw(_LONGEST_PEACE)
        trial.heal()
        trial.look()
    return trial.outcomes


@dataclass
class _Trial:
    """One daemon, and for each fault an issuer and an account of that name.

    Attributes:
        pid: of the daemon.
        elsewhere: where a redirect leads.
    """

    person: Person
    pid: int
    issuers: FaultyIssuers
    pool: ThreadPoolExecutor
    elsewhere: FaultyIssuer
    sick: dict[str, FaultyIssuer] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def sign_in(self, faults: list[str]) -> None:
        """Every account gets a token that is born dead: the next request renews it."""
        calm = self.issuers.open("calm")
        sign_in(self.person, calm)
        for name in faults:
            fault = _SPECIAL.get(name, Fault(name))
            issuer = self.issuers.open(name, host=fault.host, tls=fault.tls)
            issuer.set(life=0, forgives=fault.forgives)
            sign_in(self.person, issuer)
            issuer.set(
                life=3600,
                fault=fault.behaviour,
                elsewhere=f"{self.elsewhere.url}/token",
            )
            self.sick[name] = issuer
            self.outcomes[name] = Outcome()

    def meet(self) -> None:
        """Ask for each account's token, and for a calm one's meanwhile."""
        before = resident(self.pid)
        forget_peak(self.pid)
        slow: dict[str, Future[Answer]] = {}
        for name in [n for n in self.sick if n in WITHOUT_ANSWER]:
            # Each for itself: what lasts has but one answer of the calm to outlast.
            slow[name] = asked = self._begin(name)
            wait_until(self.sick[name].is_met, f"{name} is met")
            self._ask_calm(self.outcomes[name])
            assert not asked.done(), f"{name} was to last"
        most = peak(self.pid)
        for name in [n for n in self.sick if n not in {*slow, *_LAST}]:
            self._meet_one(name)
        for name, asked in slow.items():
            answer = asked.result()
            # What they take together is an upper bound for each.
            growth = max(most, resident(self.pid)) - before
            self._note(self.outcomes[name], answer, growth)
        for name in _LAST:
            self._meet_one(name)

    def _meet_one(self, name: str) -> None:
        before = resident(self.pid)
        forget_peak(self.pid)
        asked = self._begin(name)
        while True:
            self._ask_calm(self.outcomes[name])
            if asked.done():
                break
        growth = peak(self.pid) - before
        self._note(self.outcomes[name], asked.result(), growth)

    def _begin(self, name: str) -> Future[Answer]:
        return self.pool.submit(ask_token, self.person, name)

    def _ask_calm(self, outcome: Outcome) -> None:
        outcome.calm.add(ask_token(self.person, "calm").code)

    def _note(self, outcome: Outcome, answer: Answer, growth: int) -> None:
        outcome.code = answer.code
        outcome.facts = {} if answer.code == "ok" else answer.document
        outcome.growth = growth

    def heal(self) -> None:
        """Let every issuer be well, and ask until each account has a last word."""
        for issuer in self.sick.values():
            issuer.set(fault=None)
        for name, outcome in self.outcomes.items():
            wait_until(partial(self._is_healed, name, outcome), f"{name} heals")

    def _is_healed(self, name: str, outcome: Outcome) -> bool:
        outcome.healed = ask_token(self.person, name).code
        return outcome.healed in {
            *("ok", "login_required", "reauthentication_required")
        }

    def look(self) -> None:
        """Take down what the accounts and the issuers say in the end."""
        listed = ask(self.person, "GET", "/v1/accounts").document["accounts"]
        assert isinstance(listed, list)
        states = {one["account"]: one["state"] for one in listed}
        for name, outcome in self.outcomes.items():
            issuer = self.sick[name]
            outcome.state = states[name]
            outcome.seen = issuer.requests("refresh_token")
            outcome.sent = issuer.number("sent")
            outcome.leaked = len(self.elsewhere.requests())
