"""What a scenario happens in: a person, their daemons, an issuer, and what was said.

Knows no strace.
"""

import http.client
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.daemons import Daemon, Gone, Json, Nursery, Refused, nursery
from tests.faults.issuing import ScriptedIssuer, scripted_issuer
from tests.system.hunt import hunt
from tests.system.issuers import follow
from tests.system.person import Person, new_person, own


@dataclass
class Promised:
    """What the daemon has said is so.

    Attributes:
        accounts: those that are signed in.
        tokens: by account, the last one that it handed out.
        words: passphrases that open the store.
        left: accounts that were logged out of.
    """

    accounts: set[str] = field(default_factory=set)
    tokens: dict[str, str] = field(default_factory=dict)
    words: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)


@dataclass
class World:
    """One lane of a sweep; two can run at once."""

    person: Person
    nursery: Nursery
    issuer: ScriptedIssuer
    promised: Promised = field(default_factory=Promised)
    kept: Promised = field(default_factory=Promised)
    manners: dict[str, bool] = field(default_factory=dict)
    _secrets: list[str] = field(default_factory=list)
    _given: int = 0
    rotated: dict[str, int] = field(default_factory=dict)
    views: dict[str, str] = field(default_factory=dict)
    """Of which account, by name: their tokens are its."""

    @property
    def trace(self) -> Path:
        """Where strace writes."""
        return self.person.home.parent / "strace.log"

    @property
    def _shelf(self) -> Path:
        return self.person.home.parent / "kept"

    def ask(self, method: str, path: str, body: Json | None = None) -> Json:
        """See `Nursery.ask`."""
        return self.nursery.ask(method, path, body)

    def sign_in(self, account: str) -> None:
        """A whole sign-in; the issuer approves by itself."""
        how = {"issuer": self.issuer.url, "client_id": account, "scopes": ["files"]}
        begun = self.ask("POST", "/v1/logins", {"account": account, **how})
        try:
            follow(begun["authorization_url"])
        except (OSError, http.client.HTTPException) as exc:
            raise Gone(str(exc)) from exc
        ended = self.ask("GET", f"/v1/logins/{begun['id']}?wait=30")
        assert ended["state"] == "complete", ended
        self.promised.accounts.add(account)

    def token(self, account: str) -> None:
        """A token of the account, which its issuer gave and takes."""
        token = self.ask("POST", "/v1/token", {"account": account})["access_token"]
        given = self.issuer.gave(self.views.get(account, account), token)
        assert given, f"a strange token of {account}"
        self.promised.tokens[account] = token

    @contextmanager
    def running(self) -> Iterator[Daemon]:
        """A daemon that serves, and is killed in the end."""
        daemon = self.nursery.daemon("--log-level=debug")
        try:
            said = daemon.run()
            assert "ready" in said, said
            yield daemon
        finally:
            self.nursery.kill(daemon)

    # --- the same state again and again ----------------------------------------

    def begin(self, *, audit: bool) -> None:
        """Nothing is there.

        Without the audit where a scenario is not about it: it writes when it has the
        time, from a thread of its own, and nobody could aim at a moment of the rest
        among its calls.
        """
        self._empty_home()
        if not audit:
            self._without_audit()
        self.issuer.manners()
        self.promised = Promised()
        self._given = len(self.issuer.secrets())

    def _without_audit(self) -> None:
        folder = self.person.home / ".config/brokerd"
        folder.mkdir(parents=True)
        config = folder / "config.toml"
        config.write_text("[audit]\nenabled = false\n")
        for path in (folder.parent, folder, config):
            own(path)

    def keep(self) -> None:
        """Remember how all is, now that no daemon runs."""
        shutil.rmtree(self._shelf, ignore_errors=True)
        shutil.copytree(self.person.home, self._shelf, symlinks=True)
        self.issuer.keep()
        self.kept = self.promised
        self._secrets = self.issuer.secrets()[self._given :]

    def back(self) -> None:
        """All is as it was kept."""
        self._empty_home()
        shutil.copytree(
            self._shelf, self.person.home, symlinks=True, dirs_exist_ok=True
        )
        for path in self.person.home.rglob("*"):
            own(path)
        self.nursery.log.write_text("")
        self.issuer.back()
        self.issuer.manners(**self.manners)
        self._given = len(self.issuer.secrets())
        self.promised = Promised(set(self.kept.accounts), {}, set(self.kept.words))
        self.rotated = {
            name: self.issuer.rotations(name) for name in self.kept.accounts
        }

    def _empty_home(self) -> None:
        shutil.rmtree(self.person.home)
        self.person.home.mkdir(0o700)
        own(self.person.home)

    # --- what must be so --------------------------------------------------------

    def check_that_nothing_is_lost(self) -> None:
        """What was promised holds, and nobody is needed to go on."""
        status = self.ask("GET", "/v1/status")
        if status["store"] == "none":
            assert self.promised == Promised(), "the store is gone"
            return
        assert status["store"] == "open", status
        accounts = self.ask("GET", "/v1/accounts")["accounts"]
        there = {account["account"] for account in accounts}
        assert there >= self.promised.accounts, f"accounts are lost: {accounts}"
        # One that is signed out was so at the person's wish.
        live = {one["account"] for one in accounts if one["state"] != "signed_out"}
        assert live >= self.promised.accounts, f"accounts are dead: {accounts}"
        for account in sorted(live):
            self._check_that_it_gives_a_token(account)

    def _check_that_it_gives_a_token(self, account: str) -> None:
        # The issuer has retired the refresh token that we have, and nobody has seen
        # its answer: only its grace can mend that.
        client = self.views.get(account, account)
        answer_was_lost = account not in self.promised.tokens and (
            self.issuer.rotations(client) > self.rotated.get(client, 0)
        )
        try:
            self.token(account)
        except Refused as refusal:
            assert answer_was_lost, f"{account} is lost: {refusal}"
            assert not self.manners.get("grace"), (
                f"{account} did not use the grace: {refusal}"
            )
            assert refusal.code == "login_required", refusal
            assert "rotation lost" in refusal.detail, refusal

    def hunt(self) -> None:
        """No token of this run lies anywhere in clear."""
        self.person.heard[:] = [self.nursery.log.read_text()]
        hunt(self.person, self._secrets + self.issuer.secrets()[self._given :])


@contextmanager
def new_world(port: int = 0) -> Iterator[World]:
    """A lane of its own; its issuer is at this port, or anywhere."""
    with (
        new_person() as person,
        nursery(person) as hand,
        scripted_issuer(port) as issuer,
    ):
        yield World(person, hand, issuer)
