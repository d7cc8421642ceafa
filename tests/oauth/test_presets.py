import tomllib
from importlib.resources import files

import pytest

from broker.model.errors import IssuerInvalidError
from broker.model.issuer import RedirectPath
from broker.oauth.presets import parse_presets, preset_for_endpoint

SHIPPED = files("broker").joinpath("issuers.toml").read_text(encoding="utf-8")
PRESETS = parse_presets(SHIPPED)

PINNED = """
[x]
issuer = "https://x.example"
[x.pinned]
authorization_endpoint = "https://x.example/authorize"
token_endpoint = "https://x.example/token"
authentication_methods = ["client_secret_post"]
"""


def test_the_shipped_file_names_four_issuers() -> None:
    assert sorted(PRESETS) == ["github", "gitlab", "google", "microsoft"]
    assert all(name == preset.name for name, preset in PRESETS.items())


def test_every_issuer_has_metadata_or_pinned_endpoints_but_not_both() -> None:
    for preset in PRESETS.values():
        assert (preset.metadata is None) != (preset.pinned is None)


def test_no_host_belongs_to_two_issuers() -> None:
    hosts = [host for preset in PRESETS.values() for host in preset.hosts]
    assert len(set(hosts)) == len(hosts)


def test_google_asks_for_offline_access_and_for_consent_only_when_needed() -> None:
    google = PRESETS["google"]
    assert google.parameters == {"access_type": "offline"}
    assert google.consent_parameters == {"prompt": "consent"}
    assert "admin_policy_enforced" in google.browser_errors
    assert "org_internal" in google.browser_errors


def test_microsoft_has_the_documented_issuer_of_its_metadata() -> None:
    microsoft = PRESETS["microsoft"]
    assert microsoft.accepts_mismatched_issuer == (
        "https://login.microsoftonline.com/{tenantid}/v2.0"
    )
    assert "offline_access" in microsoft.default_scopes
    assert microsoft.consent_parameters == {}


def test_github_is_pinned_and_knows_no_revocation() -> None:
    pinned = PRESETS["github"].pinned
    assert pinned is not None
    assert pinned.url == PRESETS["github"].issuer
    assert pinned.token_endpoint == "https://github.com/login/oauth/access_token"
    assert pinned.authentication_methods == ("client_secret_post",)
    assert pinned.revocation_endpoint is None


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://accounts.google.com/o/oauth2/auth", "google"),
        ("https://ACCOUNTS.google.com/o/oauth2/v2/auth", "google"),
        ("https://www.googleapis.com/oauth2/v4/token", "google"),
        ("https://github.com/login/oauth/authorize", "github"),
    ],
)
def test_a_client_secret_json_is_recognized_by_its_endpoint(
    url: str, name: str
) -> None:
    found = preset_for_endpoint(PRESETS, url)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    "url",
    [
        "https://accounts.google.com.evil.example/",
        "https://evil.example/accounts.google.com",
        "https://accounts.google.com@evil.example/",
        "http://accounts.google.com/",
        "http://127.0.0.1:9000/authorize",
        "nonsense",
        "",
    ],
)
def test_what_only_looks_like_an_endpoint_of_an_issuer_is_not_one(url: str) -> None:
    assert preset_for_endpoint(PRESETS, url) is None


def test_a_pinned_issuer_keeps_its_endpoints() -> None:
    pinned = parse_presets(PINNED)["x"].pinned
    assert pinned is not None
    assert pinned.url == "https://x.example"
    assert pinned.authorization_endpoint == "https://x.example/authorize"
    assert pinned.scopes_supported == ()


def test_the_redirect_path_is_a_word_of_the_model() -> None:
    text = '[x]\nissuer = "https://x.example"\nredirect_path = "random"'
    assert parse_presets(text)["x"].redirect_path is RedirectPath.RANDOM


@pytest.mark.parametrize(
    "line",
    [
        'scope = "a"',
        "hosts = [1]",
        'redirect_path = "any"',
        "parameters = {a = 1}",
        '[x.pinned]\ntoken_endpoint = "https://x.example/token"',
    ],
)
def test_an_unknown_key_or_a_wrong_type_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match=r"^\[x\]: "):
        parse_presets(f'[x]\nissuer = "https://x.example"\n{line}')


def test_a_preset_without_an_issuer_is_an_error() -> None:
    with pytest.raises(ValueError, match="issuer"):
        parse_presets('[x]\nmetadata = "https://x.example/metadata"')


def test_what_is_no_toml_is_an_error() -> None:
    with pytest.raises(tomllib.TOMLDecodeError):
        parse_presets("[x")


@pytest.mark.parametrize(
    "text",
    [
        '[x]\nissuer = "http://x.example"',
        '[x]\nissuer = "https://x.example"\nmetadata = "http://x.example/m"',
        PINNED.replace("https://x.example/token", "http://x.example/token"),
    ],
)
def test_an_unsafe_url_is_an_error(text: str) -> None:
    with pytest.raises(IssuerInvalidError):
        parse_presets(text)
