"""Sign-ins under way: brokerctl waits, and has said which page to open."""

import re
import subprocess
from dataclasses import dataclass

from tests.system.issuers import Sandbox, follow
from tests.system.person import Person, Said

_ADDRESS = re.compile(r"https?://\S+")


@dataclass(frozen=True)
class SignIn:
    """One `brokerctl login` that waits for the browser.

    Attributes:
        url: the page to open.
    """

    person: Person
    process: subprocess.Popen[str]
    url: str

    def end(self) -> Said:
        """Await its end."""
        return self.person.finish(self.process)


def begin(person: Person, account: str, *words: str) -> SignIn:
    """Start a login without a browser, up to the address that it prints.

    Both outputs go into one: where the address is printed is no promise here.
    """
    process = person.start(
        "brokerctl", "login", account, "--no-browser", *words, stderr=subprocess.STDOUT
    )
    assert process.stdout
    before = []
    for line in process.stdout:
        before.append(line)
        if found := _ADDRESS.search(line):
            person.heard += before
            return SignIn(person, process, found[0])
    ended = person.finish(process)
    raise AssertionError(f"no address in: {before}, {ended}")


def sign_in(person: Person, account: str, issuer: Sandbox, *words: str) -> None:
    """The whole sign-in at a sandbox that approves by itself."""
    login = begin(
        person,
        account,
        f"--issuer={issuer.url}",
        f"--client-secrets={issuer.client_secrets}",
        *words,
    )
    follow(login.url)
    ended = login.end()
    assert ended.status == 0, ended
