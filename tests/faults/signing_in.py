"""Sign-ins at the scripted issuer, and requests that are under way there."""

import subprocess

from tests.faults.issuing import ScriptedIssuer
from tests.system.issuers import follow
from tests.system.person import Person
from tests.system.sign_in import begin


def sign_in(person: Person, account: str, issuer: ScriptedIssuer) -> None:
    """A whole sign-in; the account's name is the client's, too."""
    words = (f"--issuer={issuer.url}", f"--client-id={account}", "--scope=files")
    login = begin(person, account, *words)
    follow(login.url)
    ended = login.end()
    assert ended.status == 0, ended


def ask_and_hold(
    person: Person, account: str, issuer: ScriptedIssuer
) -> subprocess.Popen[str]:
    """`brokerctl token` whose token request has come to the issuer, which holds it."""
    issuer.hold()
    asking = person.start("brokerctl", "token", account)
    issuer.await_event("asked")
    return asking
