import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.model.client import ClientAuthentication
from broker.model.errors import ClientSecretsError
from broker.model.secret import Secret
from broker.oauth.client_secrets import parse_client_secrets

SECTION: dict[str, object] = {
    "client_id": "123-abc.apps.googleusercontent.com",
    "project_id": "demo",
    "auth_uri": "https://accounts.google.com/o/oauth2/auth",
    "token_uri": "https://oauth2.googleapis.com/token",
    "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
    "client_secret": "GOCSPX-canary",
    "redirect_uris": ["http://localhost"],
}


def installed(**changes: object) -> str:
    return json.dumps({"installed": {**SECTION, **changes}})


def what(text: str) -> str:
    with pytest.raises(ClientSecretsError) as caught:
        parse_client_secrets(text)
    assert "canary" not in str(caught.value)
    return caught.value.what


def test_a_desktop_client_as_googles_console_writes_it() -> None:
    secrets = parse_client_secrets(installed())
    assert secrets.kind == "installed"
    assert secrets.client.client_id == "123-abc.apps.googleusercontent.com"
    assert secrets.client.client_secret == Secret("GOCSPX-canary")
    assert secrets.client.authentication is ClientAuthentication.BASIC
    assert secrets.authorization_endpoint == "https://accounts.google.com/o/oauth2/auth"
    assert secrets.token_endpoint == "https://oauth2.googleapis.com/token"
    assert secrets.redirect_uris == ("http://localhost",)
    assert "canary" not in repr(secrets)


def test_a_web_client_is_told_from_a_desktop_client_and_goes_first() -> None:
    both = json.dumps({"installed": {}, "web": SECTION})
    assert parse_client_secrets(both).kind == "web"


@pytest.mark.parametrize("secret", [{"client_secret": None}, {}])
def test_a_client_without_a_secret_is_public(secret: dict[str, object]) -> None:
    section = {key: SECTION[key] for key in SECTION if key != "client_secret"}
    text = json.dumps({"installed": {**section, **secret}})
    client = parse_client_secrets(text).client
    assert client.client_secret is None
    assert client.authentication is ClientAuthentication.NONE


def test_a_byte_order_mark_and_blank_lines_are_no_fault() -> None:
    assert parse_client_secrets(f"\ufeff\n{installed()}\r\n").kind == "installed"


def test_a_loopback_sandbox_may_be_plain_http() -> None:
    text = installed(
        auth_uri="http://127.0.0.1:9/authorize", token_uri="http://127.0.0.1:9/token"
    )
    assert parse_client_secrets(text).token_endpoint == "http://127.0.0.1:9/token"


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"type": "service_account", "private_key": "canary"}, "service-account key"),
        ({"type": "authorized_user", "refresh_token": "canary"}, "authorized_user"),
        ({"type": "external_account"}, "workload identity"),
        ({"type": "external_account_authorized_user"}, "as gcloud writes them"),
        ({"type": "impersonated_service_account"}, "impersonated"),
        ({"type": "canary", "x": 1}, "no section"),
        ({"type": ["service_account"]}, "no section"),
        ({"token": "canary", "refresh_token": "canary"}, "another program saved"),
        ({"client_id": "canary"}, "outside of a section"),
        ({}, "no section 'installed' or 'web'"),
        ({"installed": None}, "no section"),
        ({"installed": "canary"}, "not an object"),
        (["canary"], "not a JSON object"),
        ("canary", "not a JSON object"),
    ],
)
def test_another_file_is_called_by_its_name(document: object, told: str) -> None:
    assert told in what(json.dumps(document))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("AIza" + "canary1" * 5, "an API key"),
        ("GOCSPX-canary\n", "a client secret"),
        ("123-canary.apps.googleusercontent.com", "a client id"),
        ("-----BEGIN PRIVATE KEY-----\ncanary\n", "a key or a certificate"),
        ("", "not JSON"),
        ("canary", "not JSON"),
        ('{"installed": {"canary"', "not JSON"),
        ('{"installed": 1, "installed": 2}', "twice"),
        ("\ud800", "no JSON"),
        ("[" * 60_000, "nested too deep"),
        ("[" * 70_000, "65536 characters"),
    ],
)
def test_another_text_is_called_what_it_is(text: str, told: str) -> None:
    assert told in what(text)


@pytest.mark.parametrize("name", ["client_id", "auth_uri", "token_uri"])
@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "is missing"),
        (1, "not a string"),
        ("", "not a string"),
        ("é", "not a str"),
    ],
)
def test_a_member_that_is_missing_or_wrong_is_named(
    name: str, value: object, told: str
) -> None:
    said = what(installed(**{name: value}))
    assert f"'{name}'" in said
    assert told in said


@pytest.mark.parametrize("name", ["auth_uri", "token_uri"])
@pytest.mark.parametrize("url", ["http://canary.example", "file:///canary", "canary"])
def test_an_endpoint_that_is_not_safe_is_named(name: str, url: str) -> None:
    assert f"its '{name}'" in what(installed(**{name: url}))


@pytest.mark.parametrize("value", ["http://localhost", [1], [None]])
def test_redirect_uris_are_an_array_of_strings(value: object) -> None:
    assert "redirect_uris" in what(installed(redirect_uris=value))


@given(st.text())
def test_no_text_raises_anything_else(text: str) -> None:
    with pytest.raises(ClientSecretsError):
        parse_client_secrets(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(SECTION)), json_values))
def test_any_section_is_taken_or_refused(changes: dict[str, object]) -> None:
    try:
        secrets = parse_client_secrets(json.dumps({"web": {**SECTION, **changes}}))
    except ClientSecretsError as exc:
        assert exc.what.isprintable()  # noqa: PT017 - either is right
    else:
        assert secrets.client.client_id.isprintable()
