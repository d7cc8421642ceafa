"""Google's tokens with nobody there: the daemon, google-auth, and a Google that looks.

The hosts are Google's own: a proxy leads them to a process of the test.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tests.services.google import (
    CERTS,
    DISCOVERY,
    DRIVE,
    IAM,
    OAUTH,
    POOL,
    ROBOT,
    STS,
    TARGET,
    WORKFORCE,
    key_set,
    workload_file,
)
from tests.system.google import Google, google
from tests.system.hunt import hunt
from tests.system.person import Person, daemon, own
from tests.system.waiting import wait_until

CLOUD = "https://www.googleapis.com/auth/cloud-platform"
BUCKET = "//storage.googleapis.com/projects/_/buckets/logs"


@pytest.fixture
def issuer(person: Person) -> Iterator[Google]:
    with google(person) as running, daemon(person):
        yield running


def write(person: Person, name: str, content: object) -> str:
    file: Path = person.home / name
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    file.chmod(0o600)
    own(file)
    return str(file)


def problem(person: Person, *words: str) -> dict[str, Any]:
    """What brokerctl says went wrong."""
    said = person.brokerctl(*words, "--json")
    assert said.status != 0, said
    found: dict[str, Any] = json.loads(said.output or said.complaint)
    return found


def test_a_key_gives_tokens_with_nobody_there_and_its_file_may_go(
    person: Person, issuer: Google
) -> None:
    key = write(person, "key.json", issuer.key)
    said = person.brokerctl(
        *("add", "robot", "--service-account", key, "--scope", DRIVE)
    )
    assert said.status == 0, said
    assert said.output == "added: robot at https://accounts.google.com\n"
    assert "the file may be deleted" in said.complaint
    Path(key).unlink()
    first = person.token("robot")
    # From memory: the one that tried it.
    assert person.token("robot") == first
    narrow = person.token("robot", "--scope", DRIVE)
    asked = issuer.look()
    assert asked["asked"] == [OAUTH] * (1 if narrow == first else 2)
    [claims, *_] = asked["assertions"]
    assert (claims["iss"], claims["scope"]) == (ROBOT, DRIVE)
    hunt(person, [first, issuer.private_key])


def test_an_account_is_well_again_once_google_is(
    person: Person, issuer: Google
) -> None:
    key = write(person, "key.json", issuer.key)
    words = ("--service-account", key, "--scope", f"{DRIVE} other")
    person.json("add", "robot", *words)
    gone = {"error": "invalid_grant", "error_description": "account not found"}
    issuer.answers(OAUTH, gone, 400)
    narrow = ("token", "robot", "--scope", "other")
    found = problem(person, *narrow)
    assert found["code"] == "credential_refused"
    assert "account not found" in found["detail"]
    # What is at hand still lives, and the account is kept.
    assert person.token("robot").startswith("ya29.")
    asked = issuer.look()["asked"].count(OAUTH)
    assert problem(person, *narrow)["code"] == "credential_refused"
    assert issuer.look()["asked"].count(OAUTH) == asked, "it was not left in peace"


def test_the_key_is_there_again_after_a_restart(person: Person) -> None:
    with google(person) as issuer:
        with daemon(person):
            key = write(person, "key.json", issuer.key)
            person.json("add", "robot", "--service-account", key, "--scope", DRIVE)
            Path(key).unlink()
        with daemon(person):
            assert person.token("robot").startswith("ya29.")
        hunt(person, [issuer.private_key])


def test_a_key_asks_in_the_name_of_a_person(person: Person, issuer: Google) -> None:
    key = write(person, "key.json", issuer.key)
    words = ("--service-account", key, "--scope", DRIVE, "--subject", "ann@example.com")
    person.json("add", "ann", *words)
    assert issuer.look()["assertions"][0]["sub"] == "ann@example.com"


def test_an_account_becomes_a_service_account(person: Person, issuer: Google) -> None:
    key = write(person, "key.json", issuer.key)
    person.json("add", "work", "--service-account", key, "--scope", CLOUD)
    words = ("--from", "work", "--impersonate", TARGET, "--lifetime", "15m")
    person.json("add", "ci", *words, "--scope", DRIVE)
    token = person.token("ci")
    asked = issuer.look()
    assert asked["asked"] == [OAUTH, f"{IAM}{TARGET}:generateAccessToken"]
    [(bearer, body)] = asked["bodies"]
    assert bearer == f"Bearer {person.token('work')}"
    assert body == {"delegates": [], "scope": [DRIVE], "lifetime": "900s"}
    hunt(person, [token, bearer.removeprefix("Bearer ")])


@pytest.mark.parametrize("audience", [POOL, WORKFORCE])
def test_a_workload_asks_nobody_but_the_endpoints_of_its_file(
    person: Person, issuer: Google, audience: str
) -> None:
    subject = write(person, "subject", "eyJ.subject-token.of-the-platform")
    text = workload_file({"file": subject}, audience=audience)
    config = write(person, "workload.json", text)
    person.json("add", "ci", "--workload", config, "--scope", DRIVE)
    assert person.token("ci").startswith("ya29.")
    asked = issuer.look()
    # google-auth would ask iamcredentials for the regions of such an audience.
    assert asked["hosts"] == ["sts.googleapis.com:443"]
    assert asked["asked"] == [STS]
    [form] = asked["forms"]
    assert (form["audience"], form["scope"]) == (audience, DRIVE)
    assert form["subject_token"] == "eyJ.subject-token.of-the-platform"


def test_a_workload_asks_its_platform_for_its_token(
    person: Person, issuer: Google
) -> None:
    url = f"http://127.0.0.1:{issuer.port}/subject"
    issuer.answers(url, {"value": "of-the-platform"})
    source = {
        "url": url,
        "headers": {"Metadata": "True"},
        "format": {"type": "json", "subject_token_field_name": "value"},
    }
    becomes = f"{IAM}{TARGET}:generateAccessToken"
    text = workload_file(source, service_account_impersonation_url=becomes)
    config = write(person, "workload.json", text)
    person.json("add", "ci", "--workload", config, "--scope", DRIVE)
    asked = issuer.look()
    assert asked["asked"] == [url, STS, becomes]
    assert asked["forms"][0]["subject_token"] == "of-the-platform"


def test_a_program_is_run_by_the_person_and_what_it_leaves_is_shown(
    person: Person, issuer: Google
) -> None:
    end = 4_000_000_000
    answer = {
        "version": 1,
        "success": True,
        "expiration_time": end,
        "token_type": "urn:ietf:params:oauth:token-type:jwt",
        "id_token": "eyJ.subject-token.of-a-program",
    }
    said = write(person, "answer", answer)
    left = person.home / "left.json"
    source = {"executable": {"command": f"/bin/cat {said}", "output_file": str(left)}}
    config = write(person, "workload.json", workload_file(source))
    words = ("add", "ci", "--workload", config, "--scope", DRIVE)
    found = problem(person, *words)
    assert found["code"] == "workload_token_missing"
    assert "`brokerctl workload-token` has its program write it" in found["detail"]
    # Nobody is there to be asked, and nobody has agreed.
    assert person.brokerctl("workload-token", config).status == 2
    assert not left.exists()
    told = person.json("workload-token", config, "--yes")
    assert told == {"file": str(left), "expires_at": end}
    person.json(*words)
    [form] = issuer.look()["forms"]
    assert form["subject_token"] == "eyJ.subject-token.of-a-program"
    assert left.stat().st_mode & 0o777 == 0o600


def test_an_id_token_for_an_audience_is_checked_against_googles_keys(
    person: Person, issuer: Google
) -> None:
    key = write(person, "key.json", issuer.key)
    person.json("add", "robot", "--service-account", key, "--scope", DRIVE)
    words = ("id-token", "robot", "--audience")
    said = person.json(*words, "https://run.example")
    assert said["issuer"] == "https://accounts.google.com"
    assert said["audience"] == "https://run.example"
    # It was asked for.
    person.heard = [text for text in person.heard if "id_token" not in text]
    asked = issuer.look()
    assert asked["asked"] == [OAUTH, OAUTH, CERTS]
    assert asked["assertions"][1]["target_audience"] == "https://run.example"
    assert person.brokerctl(*words, "https://run.example").status == 0
    assert issuer.look()["asked"] == asked["asked"]


@pytest.mark.parametrize(
    ("kid", "says"), [("key-2", "does not publish"), ("key-1", "not of the issuer's")]
)
def test_an_id_token_that_another_key_signed_is_not_given(
    person: Person, issuer: Google, kid: str, says: str
) -> None:
    key = write(person, "key.json", issuer.key)
    person.json("add", "robot", "--service-account", key, "--scope", DRIVE)
    issuer.answers(CERTS, key_set(kid))  # a key of this process
    words = ("id-token", "robot", "--audience=https://run.example")
    for _ in range(2):
        found = problem(person, *words)
        assert found["code"] == "issuer_malformed"
        assert says in found["detail"]
    asked = issuer.look()["asked"]
    assert asked.count(OAUTH) == 2, "it was not left in peace"
    # Of access tokens that says nothing.
    assert person.token("robot").startswith("ya29.")


def test_whoever_is_impersonated_has_id_tokens_too(
    person: Person, issuer: Google
) -> None:
    key = write(person, "key.json", issuer.key)
    person.json("add", "work", "--service-account", key, "--scope", CLOUD)
    person.json("add", "ci", "--from=work", "--impersonate", TARGET, "--scope", DRIVE)
    said = person.brokerctl("id-token", "ci", "--audience=https://run.example")
    assert said.status == 0, said
    asked = issuer.look()["asked"]
    assert asked[-2:] == [f"{IAM}{TARGET}:generateIdToken", CERTS]


def test_gclouds_impersonated_default_credentials_move_in(
    person: Person, issuer: Google
) -> None:
    adc = person.home / ".config/gcloud/application_default_credentials.json"
    adc.parent.mkdir(parents=True)
    for folder in (adc.parent.parent, adc.parent):
        own(folder)
    content = {
        "type": "impersonated_service_account",
        "service_account_impersonation_url": f"{IAM}{TARGET}:generateAccessToken",
        "delegates": [],
        "source_credentials": {
            "type": "authorized_user",
            "client_id": "gcloud.apps.googleusercontent.com",
            "client_secret": "not-so-secret",
            "refresh_token": "1//of-gcloud",
        },
    }
    write(person, str(adc.relative_to(person.home)), content)
    said = person.brokerctl("import", "gcloud", "--name=ci", "--yes", "--json")
    assert said.status == 0, said
    (taken,) = json.loads(said.output)["taken"]
    assert (taken["account"], taken["scopes"]) == ("ci", [CLOUD])
    asked = issuer.look()
    assert asked["asked"] == [DISCOVERY, OAUTH, f"{IAM}{TARGET}:generateAccessToken"]
    [form] = asked["forms"]
    assert form["refresh_token"] == "1//of-gcloud"
    assert not adc.exists()
    assert person.token("ci").startswith("ya29.")
    hunt(person, ["1//of-gcloud"])


def test_of_impersonated_credentials_that_google_refuses_nothing_moves_in(
    person: Person, issuer: Google
) -> None:
    issuer.answers(
        f"{IAM}{TARGET}:generateAccessToken",
        {"error": {"code": 403, "message": "denied", "status": "PERMISSION_DENIED"}},
        403,
    )
    content = {
        "type": "impersonated_service_account",
        "service_account_impersonation_url": f"{IAM}{TARGET}:generateAccessToken",
        "source_credentials": {
            "type": "authorized_user",
            "client_id": "gcloud.apps.googleusercontent.com",
            "client_secret": "not-so-secret",
            "refresh_token": "1//of-gcloud",
        },
    }
    adc = Path(write(person, "adc.json", content))
    found = person.brokerctl("import", str(adc), "--name=ci", "--yes")
    assert found.status == 36, found
    assert adc.exists()
    assert person.json("accounts")["accounts"] == []


def test_a_token_is_narrowed_by_a_boundary(person: Person, issuer: Google) -> None:
    key = write(person, "key.json", issuer.key)
    rule = {
        "availableResource": BUCKET,
        "availablePermissions": ["inRole:roles/storage.objectViewer"],
    }
    boundary = {"accessBoundary": {"accessBoundaryRules": [rule]}}
    file = write(person, "boundary.json", boundary)
    words = ("--service-account", key, "--scope", DRIVE, "--boundary", file)
    person.json("add", "logs", *words)
    asked = issuer.look()
    assert asked["asked"] == [OAUTH, STS]
    assert BUCKET in unquote(asked["forms"][1]["options"])


def test_a_self_signed_token_is_asked_of_nobody(person: Person, issuer: Google) -> None:
    key = write(person, "key.json", issuer.key)
    words = ("--service-account", key, "--self-signed", "--resource")
    person.json("add", "local", *words, "https://pubsub.googleapis.com/")
    assert person.token("local").count(".") == 2
    assert issuer.look()["hosts"] == []


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (
            {"error": "invalid_grant", "error_description": "Invalid JWT Signature."},
            400,
            "credential_refused",
        ),
        (
            {
                "error": "invalid_grant",
                "error_description": "Invalid JWT: Token must be a short-lived token "
                "(60 minutes) and in a reasonable timeframe. Check your iat and exp "
                "values in the JWT claim.",
            },
            400,
            "clock_wrong",
        ),
        (
            {
                "error": "unauthorized_client",
                "error_description": "Client is unauthorized to retrieve access tokens "
                "using this method, or client not authorized for any of the scopes "
                "requested.",
            },
            401,
            "delegation_refused",
        ),
        ({}, 503, "issuer_overloaded"),
        (None, None, "issuer_unreachable"),
    ],
)
def test_what_google_refuses_is_said_at_once_and_nothing_is_kept(
    person: Person, issuer: Google, answer: object, status: int | None, code: str
) -> None:
    issuer.answers(OAUTH, answer, status, {"retry-after": "7"})
    key = write(person, "key.json", issuer.key)
    words = ("--service-account", key, "--scope", DRIVE, "--subject", "ann@example.com")
    assert problem(person, "add", "robot", *words)["code"] == code
    assert person.json("accounts")["accounts"] == []
    assert issuer.look()["asked"].count(OAUTH) == 1


def test_others_are_served_while_google_does_not_answer(
    person: Person, issuer: Google
) -> None:
    key = write(person, "key.json", issuer.key)
    signed = ("--self-signed", "--scope", f"{DRIVE} other")
    person.json("add", "local", "--service-account", key, *signed)
    issuer.answers(OAUTH, status=0)
    words = ("add", "robot", "--service-account", key, "--scope", DRIVE)
    waiting = [person.start("brokerctl", *words) for _ in range(3)]
    wait_until(lambda: OAUTH in issuer.look()["asked"], "a request to Google")
    for scope in (DRIVE, "other"):
        assert person.token("local", "--scope", scope)
    assert person.pid_of_daemon() > 0
    assert all(each.poll() is None for each in waiting)
    for each in waiting:
        each.kill()
        person.finish(each)


def test_a_pipe_that_nobody_writes_is_not_waited_for(
    person: Person, issuer: Google
) -> None:
    pipe = person.home / "pipe"
    os.mkfifo(pipe)
    own(pipe)
    config = write(person, "workload.json", workload_file({"file": str(pipe)}))
    found = problem(person, "add", "ci", "--workload", config, "--scope", DRIVE)
    assert found["code"] == "workload_token_missing"
    assert "it is not a file" in found["detail"]
    assert issuer.look()["hosts"] == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"type": "service_acc', "no JSON"),
        ('{"type": "surprise"}', "neither service_account nor external_account"),
        (
            workload_file({"executable": {"command": "/bin/false"}}),
            "name an 'output_file' beside its 'command'",
        ),
        (
            workload_file({"file": "/etc/passwd"}, token_url="https://evil.example/"),
            "is at evil.example, which is not Google's",
        ),
        (
            workload_file({"file": "/etc/passwd"}, token_url="http://evil.example/"),
            "plain http",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence_and_asks_nobody(
    person: Person, issuer: Google, content: str, says: str
) -> None:
    file = write(person, "file.json", content)
    found = problem(person, "add", "x", "--workload", file, "--scope", DRIVE)
    assert found["code"] == "credential_file_invalid"
    assert says in found["detail"]
    assert issuer.look()["hosts"] == []
    assert person.json("accounts")["accounts"] == []


def test_an_idle_daemon_imports_nothing_of_googles(person: Person) -> None:
    log = person.home.parent / "brokerd.log"
    with google(person) as issuer:
        with daemon(person):
            key = write(person, "key.json", issuer.key)
            person.json("add", "robot", "--service-account", key, "--scope", DRIVE)
        log.unlink()
        # Each import is a line of the log.
        person.session["PYTHONPROFILEIMPORTTIME"] = "1"
        with daemon(person):
            assert person.json("accounts")["accounts"]
            before = log.read_text()
            person.token("robot")
            after = log.read_text()
    assert "broker.services.tokens" in before
    assert "google.auth" not in before
    assert "google.auth" in after
