import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.model.errors import (
    BrokerError,
    IssuerInvalidError,
    IssuerMalformedError,
    IssuerMismatchError,
)
from broker.model.issuer import Issuer
from broker.oauth.metadata import metadata_urls, parse_metadata

# RFC 8414 section 3.2
RFC_8414_EXAMPLE: dict[str, object] = {
    "issuer": "https://server.example.com",
    "authorization_endpoint": "https://server.example.com/authorize",
    "token_endpoint": "https://server.example.com/token",
    "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
    "userinfo_endpoint": "https://server.example.com/userinfo",
    "jwks_uri": "https://server.example.com/jwks.json",
    "scopes_supported": ["openid", "profile", "email", "offline_access"],
    "response_types_supported": ["code", "code token"],
    "ui_locales_supported": ["en-US", "en-GB", "fr-CA"],
}
MICROSOFT = "https://login.microsoftonline.com/common/v2.0"
MICROSOFT_TEMPLATE = "https://login.microsoftonline.com/{tenantid}/v2.0"


def parse(document: object, issuer: str = "https://server.example.com") -> Issuer:
    return parse_metadata(json.dumps(document).encode(), issuer=issuer)


def with_member(name: str, value: object) -> dict[str, object]:
    return {**RFC_8414_EXAMPLE, name: value}


def without(name: str) -> dict[str, object]:
    return {key: RFC_8414_EXAMPLE[key] for key in RFC_8414_EXAMPLE if key != name}


def test_rfc8414_section_3_1_the_well_known_path_is_inserted_before_the_issuers() -> (
    None
):
    assert (
        "https://example.com/.well-known/oauth-authorization-server/issuer1"
        in metadata_urls("https://example.com/issuer1")
    )


def test_openid_discovery_section_4_1_the_well_known_path_is_appended() -> None:
    assert (
        "https://example.com/issuer1/.well-known/openid-configuration"
        in metadata_urls("https://example.com/issuer1")
    )


def test_openid_connect_is_asked_first_and_a_slash_at_the_end_is_dropped() -> None:
    assert metadata_urls("https://tenant.example:8443/") == (
        "https://tenant.example:8443/.well-known/openid-configuration",
        "https://tenant.example:8443/.well-known/oauth-authorization-server",
    )


def test_rfc8414_section_3_2_example() -> None:
    assert parse(RFC_8414_EXAMPLE) == Issuer(
        url="https://server.example.com",
        authorization_endpoint="https://server.example.com/authorize",
        token_endpoint="https://server.example.com/token",
        userinfo_endpoint="https://server.example.com/userinfo",
        jwks_uri="https://server.example.com/jwks.json",
        scopes_supported=("openid", "profile", "email", "offline_access"),
        authentication_methods=("client_secret_basic", "private_key_jwt"),
        openid=True,
    )


@pytest.mark.parametrize(
    "name",
    [
        "device_authorization_endpoint",
        "end_session_endpoint",
        "jwks_uri",
        "pushed_authorization_request_endpoint",
        "registration_endpoint",
        "revocation_endpoint",
        "userinfo_endpoint",
    ],
)
def test_an_endpoint_that_need_not_be_there_is_checked_where_it_is(name: str) -> None:
    url = "https://elsewhere.example/there"
    assert getattr(parse(with_member(name, url)), name) == url
    assert getattr(parse(without(name)), name) is None
    with pytest.raises(IssuerInvalidError, match=name):
        parse(with_member(name, "http://elsewhere.example/there"))


def test_rfc9449_section_5_1_the_algorithms_of_proofs_are_kept() -> None:
    name = "dpop_signing_alg_values_supported"
    assert parse(with_member(name, ["ES256"])).dpop_algorithms == ("ES256",)
    assert parse(RFC_8414_EXAMPLE).dpop_algorithms == ()


def test_rfc8414_section_2_the_response_modes_are_kept_where_they_are_said() -> None:
    name = "response_modes_supported"
    assert parse(with_member(name, ["query"])).response_modes == ("query",)
    assert parse(RFC_8414_EXAMPLE).response_modes is None


def test_a_client_id_may_be_the_url_of_a_document_only_where_that_is_said() -> None:
    name = "client_id_metadata_document_supported"
    assert parse(with_member(name, value=True)).client_id_metadata is True
    assert parse(RFC_8414_EXAMPLE).client_id_metadata is False


def test_rfc8414_section_2_defaults_hold_for_a_bare_document() -> None:
    issuer = parse(
        {
            "issuer": "https://server.example.com",
            "authorization_endpoint": "https://server.example.com/authorize",
            "token_endpoint": "https://elsewhere.example/token",
        }
    )
    assert issuer.authentication_methods == ("client_secret_basic",)
    assert issuer.token_endpoint == "https://elsewhere.example/token"
    assert issuer.openid is False
    assert issuer.response_iss is False
    assert issuer.code_challenge_methods is None


def test_openid_connect_is_known_by_a_member_that_only_it_has() -> None:
    document = without("scopes_supported")
    document["id_token_signing_alg_values_supported"] = ["RS256"]
    assert parse(document).openid is True


def test_rfc9207_section_3_the_iss_promise_is_kept() -> None:
    name = "authorization_response_iss_parameter_supported"
    assert parse(with_member(name, value=True)).response_iss is True


@pytest.mark.parametrize(
    "found",
    [
        "https://server.example.com/",
        "https://SERVER.example.com",
        "https://server.example.com:443",
        "https://evil.example",
        "",
    ],
)
def test_rfc8414_section_3_3_another_issuer_is_a_mismatch(found: str) -> None:
    with pytest.raises(IssuerMismatchError) as caught:
        parse(with_member("issuer", found))
    assert caught.value.found == found


def test_a_documented_other_issuer_is_taken_and_ours_is_kept() -> None:
    document = with_member("issuer", MICROSOFT_TEMPLATE)
    issuer = parse_metadata(
        json.dumps(document).encode(),
        issuer=MICROSOFT,
        accepts_issuer=MICROSOFT_TEMPLATE,
    )
    assert issuer.url == MICROSOFT


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint"])
def test_an_issuer_without_an_endpoint_cannot_be_used(name: str) -> None:
    with pytest.raises(IssuerInvalidError, match=f"no {name}"):
        parse(without(name))


@pytest.mark.parametrize(
    "name", ["authorization_endpoint", "token_endpoint", "revocation_endpoint"]
)
@pytest.mark.parametrize(
    "url", ["http://server.example.com/x", "http://127.0.0.1/x", "javascript:x", ""]
)
def test_an_unsafe_endpoint_is_refused(name: str, url: str) -> None:
    with pytest.raises(IssuerInvalidError, match=name):
        parse(with_member(name, url))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("issuer", 1),
        ("issuer", None),
        ("token_endpoint", ["https://server.example.com/token"]),
        ("revocation_endpoint", {}),
        ("scopes_supported", "openid"),
        ("token_endpoint_auth_methods_supported", [1]),
        ("code_challenge_methods_supported", "S256"),
        ("authorization_response_iss_parameter_supported", "true"),
    ],
)
def test_a_member_of_the_wrong_type_is_malformed(name: str, value: object) -> None:
    with pytest.raises(IssuerMalformedError, match=name):
        parse(with_member(name, value))


def test_rfc7636_section_7_2_an_issuer_with_plain_alone_is_refused() -> None:
    with pytest.raises(IssuerInvalidError, match="S256"):
        parse(with_member("code_challenge_methods_supported", ["plain"]))


def test_an_issuer_with_s256_is_taken() -> None:
    methods = ["plain", "S256"]
    issuer = parse(with_member("code_challenge_methods_supported", methods))
    assert issuer.code_challenge_methods == ("plain", "S256")


def test_a_scope_that_none_can_be_is_left_out() -> None:
    scopes = ["openid", "\x1b[2K", ""]
    assert parse(with_member("scopes_supported", scopes)).scopes_supported == (
        "openid",
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(RFC_8414_EXAMPLE)), json_values))
def test_any_document_is_an_issuer_or_a_documented_error(
    changes: dict[str, object],
) -> None:
    try:
        issuer = parse({**RFC_8414_EXAMPLE, **changes})
    except BrokerError as exc:
        assert exc.code.startswith("issuer_")  # noqa: PT017 - either is right
    else:
        assert issuer.url == "https://server.example.com"
