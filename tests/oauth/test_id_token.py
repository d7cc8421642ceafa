import base64
import hashlib
import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from broker.model.errors import IssuerMalformedError
from broker.model.secret import Secret
from broker.model.time import UnixTime
from broker.oauth.id_token import IdClaims, parse_id_token
from tests.oauth.values import ISSUER

NOW = UnixTime(1_311_281_000)
NONCE = Secret("n-0S6_WzA2Mj")
TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"
TEMPLATE = "https://login.microsoftonline.com/{tenantid}/v2.0"
SERVER = replace(ISSUER, url="https://server.example.com")

# OpenID Connect Core 1.0 section 2
EXAMPLE: dict[str, object] = {
    "iss": "https://server.example.com",
    "sub": "24400320",
    "aud": "s6BhdRkqt3",
    "nonce": "n-0S6_WzA2Mj",
    "exp": 1_311_281_970,
    "iat": 1_311_280_970,
    "auth_time": 1_311_280_969,
    "acr": "urn:mace:incommon:iap:silver",
}


def segment(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


SIGNED = {"alg": "RS256", "kid": "1"}


def jwt(claims: object, header: object = SIGNED) -> str:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), b"signature")
    return ".".join(segment(part) for part in parts)


def parse_text(
    text: str,
    *,
    nonce: Secret | None = NONCE,
    accepts: str | None = None,
    access_token: Secret | None = None,
) -> IdClaims:
    return parse_id_token(
        Secret(text),
        issuer=SERVER,
        client_id="s6BhdRkqt3",
        nonce=nonce,
        access_token=access_token,
        now=NOW,
        accepts_issuer=accepts,
    )


def parse(changes: Mapping[str, object], *, accepts: str | None = None) -> IdClaims:
    return parse_text(jwt({**EXAMPLE, **changes}), accepts=accepts)


def test_openid_connect_core_section_2_example() -> None:
    assert parse({}) == IdClaims(
        subject="24400320",
        issuer="https://server.example.com",
        expires_at=UnixTime(1_311_281_970),
        auth_time=UnixTime(1_311_280_969),
    )


def test_name_and_email_are_made_safe_to_show() -> None:
    assert parse({"email": "a\x1b@x.example"}).email == "a @x.example"
    assert parse({"name": "Robin\u202e"}).name == "Robin "
    assert parse({"name": ""}).name is None


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ["s6BhdRkqt3"]},
        {"azp": "s6BhdRkqt3"},
        {"exp": NOW - 299},
        {"iat": NOW + 299},
        {"iat": NOW - 10_000_000},
        {"exp": NOW + 0.5},
        {"email": None},
        {"unknown": {"deep": [1]}},
    ],
)
def test_section_3_1_3_7_what_is_within_the_rules_is_taken(
    changes: dict[str, object],
) -> None:
    assert parse(changes).subject == "24400320"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"iss": "https://server.example.com/"}, "made by"),
        ({"auth_time": "yesterday"}, "auth_time"),
        ({"hd": 7}, "hd"),
        ({"iss": "https://evil.example"}, "made by"),
        ({"iss": None}, "iss"),
        ({"aud": "other"}, "not for this client alone"),
        ({"aud": ["s6BhdRkqt3", "other"]}, "not for this client alone"),
        ({"aud": []}, "not for this client alone"),
        ({"aud": None}, "not for this client alone"),
        ({"aud": [1]}, "aud"),
        ({"azp": "other"}, "another client"),
        ({"azp": 1}, "azp"),
        ({"exp": NOW - 300}, "expired"),
        ({"exp": None}, "exp"),
        ({"exp": "1311281970"}, "exp"),
        ({"exp": True}, "exp"),
        ({"exp": 1e300}, "exp"),
        ({"exp": -1}, "exp"),
        ({"iat": NOW + 301}, "in the future"),
        ({"iat": None}, "iat"),
        ({"nonce": "other"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"nonce": "\ud800"}, "surrogate"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": "a" * 256}, "sub"),
        ({"sub": "a\nb"}, "sub"),
        ({"sub": 1}, "sub"),
        ({"email": 1}, "email"),
    ],
)
def test_section_3_1_3_7_a_claim_against_the_rules_is_refused(
    changes: dict[str, object], fault: str
) -> None:
    with pytest.raises(IssuerMalformedError, match=fault):
        parse(changes)


def test_where_no_nonce_was_sent_none_is_asked_for() -> None:
    assert parse_text(jwt(EXAMPLE), nonce=None).subject == "24400320"


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "NONE"},
        {"alg": None},
        {"alg": 1},
        {},
        ["alg"],
        "alg",
        1,
    ],
)
def test_an_unsigned_token_is_refused(header: object) -> None:
    with pytest.raises(IssuerMalformedError, match="not a signed JWT"):
        parse_text(jwt(EXAMPLE, header))


def test_a_certificate_chain_in_the_header_is_no_fault() -> None:
    header = {"alg": "RS256", "x5c": ["M" * 4000]}
    assert parse_text(jwt(EXAMPLE, header)).subject == "24400320"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a.b",
        "a.b.c",
        "..",
        "a.b.c.d.e",
        "é.é.é",
        segment(b"[" * 9999) + ".e30.x",
    ],
)
def test_what_is_no_jwt_is_refused(text: str) -> None:
    with pytest.raises(IssuerMalformedError, match="not a signed JWT"):
        parse_text(text)


def test_a_claim_that_stands_twice_is_refused() -> None:
    payload = json.dumps(EXAMPLE)[:-1] + ', "sub": "other"}'
    text = ".".join([segment(b'{"alg":"RS256"}'), segment(payload.encode()), "eA"])
    with pytest.raises(IssuerMalformedError, match="twice"):
        parse_text(text)


def test_the_error_holds_no_part_of_the_token() -> None:
    with pytest.raises(IssuerMalformedError) as caught:
        parse_text("canary.canary.canary")
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


# --- Microsoft's tenants ---------------------------------------------------------


def test_the_tenants_own_issuer_is_taken() -> None:
    iss = TEMPLATE.replace("{tenantid}", TENANT)
    assert parse({"iss": iss, "tid": TENANT}, accepts=TEMPLATE).subject == "24400320"


@pytest.mark.parametrize(
    ("iss", "tid"),
    [
        (TEMPLATE, None),
        (TEMPLATE, "{tenantid}"),
        (TEMPLATE.replace("{tenantid}", "evil"), "evil"),
        (
            TEMPLATE.replace("{tenantid}", TENANT),
            "00000000-0000-0000-0000-000000000000",
        ),
        (TEMPLATE.replace("{tenantid}", TENANT), None),
        ("https://evil.example/", TENANT),
    ],
)
def test_any_other_issuer_is_not(iss: str, tid: str | None) -> None:
    with pytest.raises(IssuerMalformedError, match="made by"):
        parse({"iss": iss, "tid": tid}, accepts=TEMPLATE)


def test_a_documented_issuer_without_a_pattern_is_taken_as_it_is() -> None:
    claims = parse({"iss": "accounts.google.com"}, accepts="accounts.google.com")
    assert claims.subject == "24400320"


# --- hostile input ---------------------------------------------------------------


@given(st.text())
def test_no_text_is_an_id_token(text: str) -> None:
    with pytest.raises(IssuerMalformedError):
        parse_text(text)


@given(st.binary(), st.binary())
def test_no_bytes_in_the_segments_are_an_id_token(
    header: bytes, payload: bytes
) -> None:
    with pytest.raises(IssuerMalformedError):
        parse_text(f"{segment(header)}.{segment(payload)}.x")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*sorted(EXAMPLE), "azp", "tid"]), json_values))
def test_any_claims_are_taken_or_malformed(changes: dict[str, object]) -> None:
    try:
        claims = parse(changes, accepts=TEMPLATE)
    except IssuerMalformedError as exc:
        assert exc.what.isprintable()  # noqa: PT017 - either is right
    else:
        assert claims.subject.isprintable()


# OpenID Connect Core 1.0 appendix A.3, whose header says RS256
A_3_TOKEN = Secret("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y")
A_3_HASH = "77QmUPtjPfzWtF2AnpK9RQ"


def test_section_3_1_3_8_the_hash_of_the_access_token_is_compared() -> None:
    own = jwt({**EXAMPLE, "at_hash": A_3_HASH})
    assert parse_text(own, access_token=A_3_TOKEN).subject == "24400320"
    with pytest.raises(IssuerMalformedError, match="another access token"):
        parse_text(own, access_token=Secret("another"))


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [("ES256", "sha256"), ("PS384", "sha384"), ("RS512", "sha512")],
)
def test_the_hash_is_that_of_the_signatures_algorithm(
    algorithm: str, digest: str
) -> None:
    whole = hashlib.new(digest, A_3_TOKEN.reveal().encode()).digest()
    claims = {**EXAMPLE, "at_hash": segment(whole[: len(whole) // 2])}
    text = jwt(claims, {"alg": algorithm})
    assert parse_text(text, access_token=A_3_TOKEN).subject == "24400320"
    text = jwt({**claims, "at_hash": "x"}, {"alg": algorithm})
    with pytest.raises(IssuerMalformedError):
        parse_text(text, access_token=A_3_TOKEN)


def test_a_hash_of_an_unknown_kind_says_nothing() -> None:
    text = jwt({**EXAMPLE, "at_hash": "x"}, {"alg": "EdDSA"})
    assert parse_text(text, access_token=A_3_TOKEN).subject == "24400320"


def test_without_a_hash_any_access_token_may_have_come_with_it() -> None:
    assert parse_text(jwt(EXAMPLE), access_token=A_3_TOKEN).subject == "24400320"


def test_google_says_of_which_organization_an_account_is() -> None:
    assert parse({"hd": "example.com"}).hosted_domain == "example.com"
    assert parse({}).hosted_domain is None


def test_who_asked_for_it_may_be_anybody_where_it_is_for_another_audience() -> None:
    token = Secret(jwt({**EXAMPLE, "azp": "robot@example.iam.example"}))
    claims = parse_id_token(
        token,
        issuer=SERVER,
        client_id="s6BhdRkqt3",
        nonce=None,
        access_token=None,
        now=NOW,
        any_party=True,
    )
    assert claims.subject == "24400320"
