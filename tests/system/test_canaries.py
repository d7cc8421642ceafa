"""Secrets with known values go through every flow, and are found nowhere."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.canary_issuer import MARK, CanaryIssuer, canary_issuer
from tests.system.hunt import hunt, watched_processes
from tests.system.issuers import follow
from tests.system.person import Person, daemon, own
from tests.system.sign_in import begin

PASSPHRASE = f"{MARK}passphrase"
OF_BACKUP = f"{MARK}passphrase-of-backup"
KEPT = ("client_secret.json", "robot.secret", "exported.json")
"""Files of the person's own, in which secrets lie rightly."""


@pytest.fixture
def issuer() -> Iterator[CanaryIssuer]:
    with canary_issuer() as running:
        yield running


def private_file(person: Person, name: str, text: str) -> Path:
    path = person.home / name
    path.write_text(text)
    path.chmod(0o600)
    own(path)
    return path


def client_secrets(person: Person, issuer: CanaryIssuer) -> Path:
    ends = issuer.metadata()
    client = {
        "client_id": "desk",
        "client_secret": issuer.new("client"),
        "auth_uri": ends["authorization_endpoint"],
        "token_uri": ends["token_endpoint"],
        "redirect_uris": ["http://127.0.0.1"],
    }
    return private_file(person, "client_secret.json", json.dumps({"installed": client}))


def sign_in(person: Person, issuer: CanaryIssuer, secrets: Path, *words: str) -> int:
    login = begin(
        person, "work", f"--issuer={issuer.url}", f"--client-secrets={secrets}", *words
    )
    follow(login.url)
    return login.end().status


def with_every_fault(person: Person, issuer: CanaryIssuer) -> None:
    """Refreshes that come back in every wrong way, each quoting what was sent."""
    for manner in ("page", "nonsense", "refuse"):
        # The one before may not have been come to: the broker asks less often then.
        issuer.manners.clear()
        issuer.manners.append(manner)
        said = person.brokerctl("token", "work", "--min-ttl=86000")
        assert person.heard[-2:] == [said.output, said.complaint]
        if said.status == 0:  # what still lives is served meanwhile
            person.heard.remove(said.output)
    issuer.manners.clear()


def test_no_secret_is_found_anywhere_after_every_flow(
    person: Person, issuer: CanaryIssuer
) -> None:
    typed = f"{PASSPHRASE}\n{PASSPHRASE}\n"
    assert person.types(typed, "init", "--key", "passphrase").status == 0
    person.brokerctl("stop")
    with watched_processes() as watched, daemon(person) as running:
        assert person.types(f"{PASSPHRASE}\n", "unlock").status == 0
        secrets = client_secrets(person, issuer)
        issuer.manners.append("short")
        assert sign_in(person, issuer, secrets) == 0
        person.token("work")
        with_every_fault(person, issuer)
        assert sign_in(person, issuer, secrets, "--again") == 0
        issuer.manners.append("refuse")
        assert sign_in(person, issuer, secrets, "--again") != 0
        device = begin(
            person,
            "tv",
            f"--issuer={issuer.url}",
            "--client-id=tv",
            "--device",
        )
        assert device.end().status == 0
        robot = private_file(person, "robot.secret", issuer.new("robot"))
        added = person.brokerctl(
            *("add", "robot", "--client-credentials", f"--issuer={issuer.url}"),
            *("--client-id=robot", f"--client-secret-file={robot}"),
        )
        assert added.status == 0, added
        for name in ("work", "tv", "robot"):
            person.token(name)
        person.brokerctl("export", "work", "exported.json", "--yes")
        backup = person.types(f"{OF_BACKUP}\n{OF_BACKUP}\n", "backup", "copy")
        assert backup.status == 0, backup
        for words in (
            "status",
            "accounts",
            "doctor",
            "policy show",
            "watch --help",
        ):
            person.brokerctl(*words.split(), "--json")
        assert person.brokerctl("logout", "tv").status == 0
        assert person.brokerctl("lock").status == 0
        os.kill(running.pid, signal.SIGSEGV)
        running.wait(30)
    known = {*issuer.secrets, PASSPHRASE, OF_BACKUP}
    assert len(known) > 15
    hunt(person, known, kept=KEPT)
    assert watched.holding(known) == []


def test_the_hunt_finds_what_is_planted(person: Person, issuer: CanaryIssuer) -> None:
    planted = issuer.new("planted")
    with watched_processes() as watched:
        in_arguments = person.start(
            "sh", "-c", "read x", planted, stdin=subprocess.PIPE
        )
        in_environment = person.start("sleep", "60", environment={"X": planted})
        watched.look()
        for process in (in_arguments, in_environment):
            process.kill()
            person.finish(process)
    assert len(watched.holding([planted])) == 2

    person.heard.append(f"token={planted}")
    with pytest.raises(AssertionError, match="was said"):
        hunt(person, [planted])
    person.heard.clear()
    (person.home / "left").write_text(f"x{planted}x")
    own(person.home / "left")
    with pytest.raises(AssertionError, match="lies in"):
        hunt(person, [planted])
    hunt(person, [planted], kept=["left"])
