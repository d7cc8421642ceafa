"""Signing in by a code that is entered elsewhere, at a real issuer and at ours."""

import json
import os
import pty
import re
import select
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.device_pages import decide
from tests.system.hunt import hunt
from tests.system.issuers import OidcProvider, oidc_provider, sandbox
from tests.system.person import Person
from tests.system.terminal_picture import as_svg
from tests.system.waiting import PATIENCE_SECONDS

DOCS_PICTURE = Path("docs/pictures/device.svg")
TELEVISION = ("--client-id=television", "--scope=openid offline_access")


@pytest.fixture
def issuer() -> Iterator[OidcProvider]:
    with oidc_provider(600) as running:
        yield running


class DeviceLogin:
    """`brokerctl login --device --json`, up to the code that it shows."""

    def __init__(self, person: Person, url: str, *words: str) -> None:
        self.person = person
        self.process = person.start(
            *("brokerctl", "login", "work", "--device", "--json"),
            *(f"--issuer={url}", *words),
        )
        assert self.process.stdout
        line = self.process.stdout.readline()
        self.begun = json.loads(line)
        self.code = str(self.begun["device"]["user_code"])
        self.uri = str(self.begun["device"]["verification_uri"])

    def end(self) -> tuple[int, dict[str, object]]:
        """Exit code and the last line."""
        said = self.person.finish(self.process)
        return said.status, json.loads(said.output)


def test_the_person_enters_the_code_and_has_a_token(
    person: Person, issuer: OidcProvider
) -> None:
    login = DeviceLogin(person, issuer.url, *TELEVISION)
    # It has no interval: pending is met after five seconds, and asked again after ten.
    decide(login.uri, allow=True, typed=login.code)
    status, last = login.end()
    assert (status, last["state"]) == (0, "complete")
    assert issuer.is_active(person.token("work"))
    person.brokerctl("stop")
    hunt(person, issuer.secrets())


def test_pending_is_waited_out(person: Person, issuer: OidcProvider) -> None:
    login = DeviceLogin(person, issuer.url, *TELEVISION)
    with pytest.raises(subprocess.TimeoutExpired):
        login.process.wait(6.0)
    complete = str(login.begun["device"]["verification_uri_complete"])
    decide(complete, allow=True)
    assert login.end()[0] == 0


def test_a_person_who_says_no_is_told(person: Person, issuer: OidcProvider) -> None:
    login = DeviceLogin(person, issuer.url, *TELEVISION)
    decide(login.uri, allow=False, typed=login.code)
    status, last = login.end()
    assert (status, last["code"]) == (6, "login_refused")


def test_a_code_that_nobody_enters_expires(person: Person) -> None:
    with oidc_provider(600, DEVICE_TTL="4") as issuer:
        login = DeviceLogin(person, issuer.url, *TELEVISION)
        status, last = login.end()
    assert (status, last["code"]) == (7, "device_code_expired")


def test_the_sandbox_gives_a_code_that_is_entered_at_its_page(person: Person) -> None:
    with sandbox(person) as issuer:
        login = DeviceLogin(
            person, issuer.url, f"--client-secrets={issuer.client_secrets}"
        )
        decide(login.uri, allow=True, typed=login.code)
        assert login.end()[0] == 0
        assert issuer.accepts(person.token("work"))


def test_a_sandbox_that_approves_by_itself_asks_nobody(person: Person) -> None:
    with sandbox(person, "--auto-approve") as issuer:
        login = DeviceLogin(
            person, issuer.url, f"--client-secrets={issuer.client_secrets}"
        )
        assert login.end()[0] == 0


def test_brokerctl_that_is_ended_ends_the_login(
    person: Person, issuer: OidcProvider
) -> None:
    login = DeviceLogin(person, issuer.url, *TELEVISION)
    login.process.terminate()
    assert login.end()[0] == 130
    assert person.json("pending")["logins"] == []


def test_the_picture_of_the_terminal_is_what_a_camera_can_read(person: Person) -> None:
    """Draws build/screenshots/device.svg; that of docs/pictures is a copy of it."""
    with sandbox(person, "--auto-approve") as issuer:
        shown = _on_a_terminal(
            person,
            *("brokerctl", "login", "work", "--device", f"--issuer={issuer.url}"),
            f"--client-secrets={issuer.client_secrets}",
        )
    folder = Path("build/screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    svg = folder / "device.svg"
    end = "signed in: work"
    before, found, _ = shown.partition(end)  # the notes name folders of this machine
    assert found, shown
    svg.write_text(as_svg("brokerctl login work --device", before + found))
    png = svg.with_suffix(".png")
    subprocess.run(["rsvg-convert", "-o", png, svg], check=True)
    read = subprocess.run(
        ["zbarimg", "--quiet", "--raw", png], check=True, capture_output=True, text=True
    ).stdout.strip()
    code = re.search(r"^    ([A-Z]{4}-[A-Z]{4})\r?$", shown, re.MULTILINE)
    assert code is not None, shown
    assert read == f"{issuer.url}/device?user_code={code[1]}"
    assert DOCS_PICTURE.read_text().count("<rect") > 100


def _on_a_terminal(person: Person, *words: str) -> str:
    """All that a command shows on a terminal of 80 columns."""
    mine, theirs = pty.openpty()
    os.set_blocking(mine, False)
    process = subprocess.Popen(
        ["env", "TERM=xterm-256color", "COLUMNS=80", *words],
        cwd=person.home,
        env=person.environment,
        user=person.environment["USER"],
        group=person.environment["USER"],
        extra_groups=[],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while select.select([mine], [], [], PATIENCE_SECONDS)[0]:
        try:
            part = os.read(mine, 65536)
        except OSError:  # the other end is closed
            break
        shown += part
    process.wait(PATIENCE_SECONDS)
    os.close(mine)
    text = shown.decode()
    person.heard.append(text)
    return text
