import re
import tomllib
from importlib.resources import files

import pytest

from broker.model.errors import ConfigError, IssuerInvalidError, WayRefusedError
from broker.model.issuer import IssuerPreset, PresetOrigin, RedirectPath
from broker.model.way import Way
from broker.oauth.presets import (
    parse_config_presets,
    parse_presets,
    preset_for_endpoint,
    preset_for_issuer,
    require_way,
    with_config_presets,
)

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


def test_the_shipped_file_names_the_well_known_issuers() -> None:
    named = (
        "google microsoft microsoft-tenant github gitlab bitbucket atlassian dropbox "
        "slack zoom spotify discord yahoo fastmail okta okta-server keycloak auth0 egi "
        "wlcg"
    )
    assert sorted(PRESETS) == sorted(named.split())
    assert all(name == preset.name for name, preset in PRESETS.items())


def test_no_issuer_has_two_sources_of_its_endpoints() -> None:
    for preset in PRESETS.values():
        assert preset.metadata is None or preset.pinned is None


def test_every_issuer_documents_a_way_and_refuses_none_that_it_documents() -> None:
    for preset in PRESETS.values():
        assert preset.ways
        assert not set(preset.ways) & set(preset.refused_ways)


def test_every_statement_of_the_shipped_file_has_a_source_and_a_month() -> None:
    head, *tables = re.split(r"^\[(?=[a-z0-9-]+\]$)", SHIPPED, flags=re.MULTILINE)
    assert "source" in head
    for table in tables:
        comments = re.findall(r"^#.*", table, flags=re.MULTILINE)
        assert re.search(r"20\d\d-\d\d|those? of \[|as for \[", " ".join(comments))


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


def test_a_preset_may_say_that_tokens_are_bound() -> None:
    text = '[x]\nissuer = "https://x.example"\n'
    assert parse_presets(f"{text}dpop = true")["x"].dpop
    assert not parse_presets(text)["x"].dpop


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
    with pytest.raises(ValueError, match=r"^x"):
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


# --- templates ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "name", "issuer"),
    [
        ("https://sso.example/realms/a", "keycloak", "https://sso.example/realms/a"),
        ("https://sso.example:8443/realms/a/", "keycloak", None),
        ("https://corp.okta.com", "okta", "https://corp.okta.com"),
        ("https://corp.okta.com/oauth2/default", "okta-server", None),
        # The slash is the issuer's own, whatever was typed.
        ("https://corp.eu.auth0.com", "auth0", "https://corp.eu.auth0.com/"),
        ("https://corp.auth0.com/", "auth0", "https://corp.auth0.com/"),
        ("https://wlcg.cloud.cnaf.infn.it", "wlcg", "https://wlcg.cloud.cnaf.infn.it/"),
        ("https://login.microsoftonline.com/common/v2.0", "microsoft", None),
        ("https://login.microsoftonline.com/0-1-2/v2.0", "microsoft-tenant", None),
        ("https://aai.egi.eu/auth/realms/egi", "egi", None),
    ],
)
def test_an_issuer_url_gets_the_quirks_of_whoever_has_that_shape(
    url: str, name: str, issuer: str | None
) -> None:
    found = preset_for_issuer(PRESETS, url)
    assert found is not None
    assert found.name == name
    assert found.issuer == (issuer or url.rstrip("/"))
    assert not found.is_template


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/?https://corp.okta.com",
        "https://corp.okta.com.evil.example",
        "https://a@corp.okta.com",
        "https://a/b.okta.com",
        "http://sso.example/realms/a",
        "https://sso.example/realms/a/b",
        "https://sso.example/realms/",
        "https://sso.example/realms/a?b",
        "",
    ],
)
def test_what_only_looks_like_a_template_is_none(url: str) -> None:
    assert preset_for_issuer(PRESETS, url) is None


def test_a_template_cannot_pin_endpoints() -> None:
    with pytest.raises(ValueError, match=r"^x\.issuer: "):
        parse_presets(PINNED.replace('"https://x.example"', '"https://{a}.example"'))


# --- the person's own --------------------------------------------------------------


def own(**members: object) -> dict[str, IssuerPreset]:
    table = {"issuer": "https://own.example", **members}
    return dict(parse_config_presets({"own": table}, "/c/config.toml"))


def test_an_issuer_of_the_config_has_all_that_a_shipped_one_has() -> None:
    preset = own(
        parameters={"audience": "a"}, quirks={"scope_separator": ","}, ways=["device"]
    )["own"]
    assert preset.origin is PresetOrigin.CONFIG
    assert preset.parameters == {"audience": "a"}
    assert preset.quirks.scope_separator == ","
    assert preset.ways == (Way.DEVICE,)


def test_an_issuer_of_the_config_takes_the_place_of_a_shipped_one() -> None:
    tables = {"slack": {"issuer": "https://slack.com"}}
    presets = with_config_presets(PRESETS, parse_config_presets(tables, "c"))
    assert presets["slack"].origin is PresetOrigin.CONFIG_INSTEAD
    assert presets["slack"].pinned is None
    assert presets["google"] == PRESETS["google"]
    assert len(presets) == len(PRESETS)


def test_an_url_that_two_know_is_taken_as_the_person_says() -> None:
    tables = {"mine": {"issuer": "https://slack.com"}}
    presets = with_config_presets(PRESETS, parse_config_presets(tables, "c"))
    found = preset_for_issuer(presets, "https://slack.com")
    assert found is not None
    assert found.name == "mine"


@pytest.mark.parametrize(
    ("tables", "key"),
    [
        ({"x": {"issuer": "https://x.example", "hosts": [1]}}, "issuers.x.hosts[0]"),
        ({"x": {"issuer": "https://x.example", "scope": "a"}}, "issuers.x: "),
        ({"x": {"issuer": "http://x.example"}}, "issuers.x: http://x.example"),
        ({"x": {"issuer": "https://x.example", "ways": ["a"]}}, "issuers.x.ways[0]"),
        ({"x": {"issuer": "https://x", "redirect_port": 0}}, "issuers.x.redirect_port"),
        ({"x": {}}, "issuers.x: "),
        ({"x": 1}, "issuers.x: "),
        ({"X y": {"issuer": "https://x.example"}}, "issuers.X y: "),
        ({"\x1b[2K": {}}, "issuers."),
    ],
)
def test_a_mistake_in_the_config_is_told_with_file_and_key(
    tables: dict[str, object], key: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config_presets(tables, "/c/config.toml")
    assert caught.value.path == "/c/config.toml"
    assert caught.value.what.startswith(key)
    assert "\x1b" not in caught.value.what


# --- ways and redirect URIs --------------------------------------------------------


@pytest.mark.parametrize("way", [Way.OOB, Way.OOB_AUTO])
def test_google_blocks_codes_out_of_band_and_says_since_when(way: Way) -> None:
    with pytest.raises(WayRefusedError, match="31 January 2023") as caught:
        require_way(PRESETS["google"], way)
    assert (caught.value.issuer, caught.value.way) == ("google", way.value)


def test_a_way_that_nothing_is_known_of_is_not_refused() -> None:
    for way in Way:
        require_way(None, way)
        require_way(PRESETS["github"], way)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("google", "http://127.0.0.1/ (any port)"),
        ("microsoft", "http://localhost/ (any port)"),
        ("slack", "http://localhost:18484/ (exactly)"),
        ("auth0", "http://127.0.0.1:18484/ (exactly)"),
        ("yahoo", None),
        ("egi", None),
    ],
)
def test_what_to_register_is_told_from_the_data(name: str, rule: str | None) -> None:
    assert PRESETS[name].redirect_rule == rule
