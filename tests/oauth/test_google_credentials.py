"""Google's credential files: what is taken, and each way in which one is not."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from broker.model.errors import CredentialFileError
from broker.oauth.google_credentials import (
    MAX_CHARACTERS,
    impersonated_email,
    parse_google_file,
)
from tests.services.google import (
    IAM,
    OAUTH,
    POOL,
    ROBOT,
    STS,
    TARGET,
    WORKFORCE,
    key_file,
    pem,
    workload_file,
)

FILE = {"file": "/var/run/token"}


def kept(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(parse_google_file(text).text.reveal())
    return found


def fault_of(text: str) -> str:
    with pytest.raises(CredentialFileError) as caught:
        parse_google_file(text)
    return caught.value.what


def test_a_key_is_taken_with_what_is_used_of_it_and_no_more() -> None:
    found = parse_google_file(key_file(unknown="member"))
    assert (found.client_id, found.email) == ("117", ROBOT)
    assert found.token_endpoint == OAUTH
    assert kept(key_file(unknown="member")) == {
        "type": "service_account",
        "client_email": ROBOT,
        "private_key": pem(),
        "private_key_id": "key-1",
        "token_uri": OAUTH,
    }


def test_a_key_that_names_no_endpoint_is_for_googles() -> None:
    assert parse_google_file(key_file(token_uri=None)).token_endpoint == OAUTH


def test_a_file_of_a_windows_editor_is_taken() -> None:
    assert parse_google_file("\ufeff" + key_file()).email == ROBOT


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://oauth2.googleapis.com/token",
        "https://www.googleapis.com/oauth2/v4/token",
        "https://accounts.google.com/o/oauth2/token",
        "http://127.0.0.1:8080/token",
    ],
)
def test_an_endpoint_of_googles_or_on_loopback_is_taken(endpoint: str) -> None:
    assert parse_google_file(key_file(token_uri=endpoint)).token_endpoint == endpoint


@pytest.mark.parametrize(
    ("endpoint", "fault"),
    [
        ("http://oauth2.googleapis.com/token", "plain http"),
        ("https://evil.example/token", "is at evil.example, which is not Google's"),
        ("https://oauth2.googleapis.com.evil.example/token", "not Google's"),
        ("https://evilgoogleapis.com/token", "not Google's"),
        ("https://oauth2.googleapis.com:444/token", "has a port of its own"),
        ("https://x@oauth2.googleapis.com/token", "has a user name in it"),
        ("https://oauth2.googleapis.com\t.evil.example/", "characters"),
        ("file:///etc/passwd", "does not begin with https://"),
    ],
)
def test_a_hostile_endpoint_is_refused(endpoint: str, fault: str) -> None:
    assert fault in fault_of(key_file(token_uri=endpoint))
    assert fault in fault_of(workload_file(FILE, token_url=endpoint))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (key_file()[:-40], "it is no JSON"),
        ("", "it is no JSON"),
        ("[]", "it is not a JSON object"),
        ("[" * 20_000 + "]" * 20_000, "nested too deep"),
        ('{"type": "service_account", "type": "x"}', "a key stands twice"),
        ("x" * (MAX_CHARACTERS + 1), f"more than {MAX_CHARACTERS} characters"),
        (pem(), "it is a bare key"),
        (key_file(type="authorized_user"), "it holds a person's sign-in"),
        (key_file(type="gdch_service_account"), "Google Distributed Cloud"),
        (key_file(type="surprise"), "its 'type' is neither"),
        (key_file(type=None), "its 'type' is neither"),
        ('{"installed": {}}', "it is a client for people who sign in"),
        (key_file(private_key=None), "its 'private_key' is missing"),
        (key_file(client_email=None), "its 'client_email' is missing"),
        (key_file(client_email="a/../b"), "its 'client_email' is no address"),
        (key_file(client_email="a@b.example?x"), "its 'client_email' is no address"),
        (key_file(private_key=7), "its 'private_key' is not a text"),
        (key_file(private_key="nonsense"), "is no key in PEM"),
        (key_file(private_key=pem()[:900]), "is no key in PEM"),
        (key_file(private_key=pem(passphrase=b"x")), "is under a passphrase"),
        (
            key_file(private_key=pem(ec.generate_private_key(ec.SECP256R1()))),
            "is no RSA key",
        ),
        (key_file(universe_domain="evil.example"), "another universe"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(text: str, fault: str) -> None:
    what = fault_of(text)
    assert fault in what
    assert "PRIVATE KEY" not in what


def test_a_workload_is_taken_with_what_is_used_of_it_and_no_more() -> None:
    text = workload_file(FILE, token_info_url="https://evil.example/")
    assert kept(text) == {
        "type": "external_account",
        "audience": POOL,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": STS,
        "credential_source": {"file": "/var/run/token", "format": {"type": "text"}},
    }
    assert parse_google_file(text).client_id == POOL


def test_a_workforce_keeps_the_project_that_pays() -> None:
    text = workload_file(FILE, audience=WORKFORCE, workforce_pool_user_project="7")
    assert kept(text)["workforce_pool_user_project"] == "7"
    # google-auth says so only when a token is wanted.
    text = workload_file(FILE, workforce_pool_user_project="7")
    assert "is for a workforce pool" in fault_of(text)


def test_whom_a_workload_becomes_is_taken_out_of_the_file() -> None:
    found = parse_google_file(
        workload_file(
            FILE,
            service_account_impersonation_url=f"{IAM}{TARGET}:generateAccessToken",
            service_account_impersonation={"token_lifetime_seconds": 900},
        )
    )
    assert (found.impersonate, found.lifetime) == (TARGET, 900)
    assert found.impersonation_url is None


def test_an_endpoint_of_a_region_is_kept() -> None:
    url = (
        "https://iamcredentials.europe-west1.rep.googleapis.com/v1/projects/-"
        f"/serviceAccounts/{TARGET}:generateAccessToken"
    )
    found = parse_google_file(
        workload_file(FILE, service_account_impersonation_url=url)
    )
    assert (found.impersonate, found.impersonation_url) == (TARGET, url)


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        (f"https://evil.example/serviceAccounts/{TARGET}:generateAccessToken", "evil"),
        (f"{IAM}{TARGET}:signBlob", "names no service account"),
        (f"{IAM}:generateAccessToken", "names no service account"),
    ],
)
def test_a_hostile_impersonation_url_is_refused(url: str, fault: str) -> None:
    text = workload_file(FILE, service_account_impersonation_url=url)
    assert fault in fault_of(text)


def test_only_a_whole_address_is_impersonated() -> None:
    assert impersonated_email(f"{IAM}{TARGET}:generateAccessToken") == TARGET
    assert impersonated_email(f"{IAM}a/b@c.example:generateAccessToken") is None
    assert impersonated_email(TARGET) is None
