from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec.structs import replace

from broker.model.client import Client
from broker.model.errors import BadRequestError
from broker.model.issuer import Issuer, IssuerPreset, Quirks
from broker.model.redirect import ResponseMode
from broker.model.secret import Secret
from broker.oauth.authorization import (
    authorization_request,
    authorization_url,
    request_parameters,
)
from tests.oauth.values import ISSUER, ISSUER_URL, PUBLIC_CLIENT

STATE = Secret("af0ifjsldkj")
REDIRECT_URI = "http://127.0.0.1:43211/"
GOOGLE_LIKE = IssuerPreset(
    name="googlelike",
    issuer=ISSUER_URL,
    parameters={"access_type": "offline"},
    consent_parameters={"prompt": "consent"},
)


def url(
    *,
    issuer: Issuer = ISSUER,
    client: Client = PUBLIC_CLIENT,
    scopes: tuple[str, ...] = ("openid", "email"),
    nonce: Secret | None = None,
    parameters: dict[str, str] | None = None,
    mode: ResponseMode = ResponseMode.QUERY,
    resource: str | None = None,
) -> str:
    parts = authorization_request(
        issuer=issuer,
        client=client,
        redirect_uri=REDIRECT_URI,
        scopes=scopes,
        state=STATE,
        nonce=nonce,
        challenge="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        parameters=parameters or {},
        mode=mode,
        resource=resource,
    )
    return authorization_url(issuer, parts)


def query_of(request: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(request).query, strict_parsing=True)


def test_rfc6749_section_4_1_1_and_rfc7636_section_4_3_the_request_has_every_part() -> (
    None
):
    request = url(nonce=Secret("n-0S6_WzA2Mj"))
    assert request.startswith("https://issuer.example/authorize?")
    assert query_of(request) == {
        "response_type": ["code"],
        "client_id": ["s6BhdRkqt3"],
        "redirect_uri": [REDIRECT_URI],
        "scope": ["openid email"],
        "state": ["af0ifjsldkj"],
        "nonce": ["n-0S6_WzA2Mj"],
        "code_challenge": ["E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"],
        "code_challenge_method": ["S256"],
    }


def test_without_scopes_and_nonce_neither_is_sent() -> None:
    assert {"scope", "nonce"} & set(query_of(url(scopes=()))) == set()


def test_rfc8707_section_2_1_the_one_resource_of_the_sign_in_is_named() -> None:
    api = "https://api.example/v1?tenant=a&b"
    assert query_of(url(resource=api))["resource"] == [api]
    assert "resource" not in query_of(url())
    others = {"resource": "https://other.example"}
    assert query_of(url(parameters=others))["resource"] == ["https://other.example"]
    with pytest.raises(BadRequestError):
        url(resource=api, parameters=others)


def test_the_response_mode_is_named_only_where_it_is_not_the_usual_one() -> None:
    assert "response_mode" not in query_of(url())
    posted = query_of(url(mode=ResponseMode.FORM_POST))
    assert posted["response_mode"] == ["form_post"]


def test_a_response_mode_that_the_issuer_has_not_is_refused() -> None:
    issuer = replace(ISSUER, response_modes=("query", "\x1b[2J"))
    with pytest.raises(BadRequestError) as caught:
        url(issuer=issuer, mode=ResponseMode.FORM_POST)
    assert caught.value.what.isprintable()


def test_rfc6749_section_3_1_the_endpoints_own_query_is_kept() -> None:
    issuer = replace(ISSUER, authorization_endpoint="https://issuer.example/a?tenant=x")
    assert query_of(url(issuer=issuer))["tenant"] == ["x"]


def test_a_loopback_issuer_over_plain_http_gets_its_request() -> None:
    issuer = replace(ISSUER, authorization_endpoint="http://127.0.0.1:9000/authorize")
    assert url(issuer=issuer).startswith("http://127.0.0.1:9000/authorize?")


def test_a_parameter_is_encoded_and_not_interpreted() -> None:
    value = "a&state=forged #x"
    query = query_of(url(parameters={"login_hint": value}))
    assert query["login_hint"] == [value]
    assert query["state"] == ["af0ifjsldkj"]


@pytest.mark.parametrize(
    "name",
    [
        *("response_type", "client_id", "redirect_uri", "scope", "state", "nonce"),
        *("code_challenge", "code_challenge_method", "response_mode"),
        *("request", "request_uri"),
    ],
)
def test_the_person_cannot_override_what_keeps_the_login_safe(name: str) -> None:
    with pytest.raises(BadRequestError, match=name):
        url(parameters={name: "x"})


@pytest.mark.parametrize(("name", "value"), [("", "x"), ("a\n", "x"), ("a", "\ud800")])
def test_a_parameter_that_cannot_be_sent_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadRequestError):
        url(parameters={name: value})


@pytest.mark.parametrize("scope", ["", "a b", 'a"b', "é", "\ud800"])
def test_what_cannot_be_a_scope_is_refused(scope: str) -> None:
    with pytest.raises(BadRequestError, match="cannot be a scope"):
        url(scopes=("openid", scope))


@pytest.mark.parametrize(
    "client",
    [
        Client(client_id=""),
        Client(client_id="\ud800"),
        Client(client_id="a\nb"),
        Client(client_id="a", client_secret=Secret("canary\ud800")),
    ],
)
def test_what_cannot_be_a_client_is_refused_and_not_quoted(client: Client) -> None:
    with pytest.raises(BadRequestError) as caught:
        url(client=client)
    assert "canary" not in str(caught.value)


# --- extra parameters ------------------------------------------------------------


def parameters(
    *,
    preset: IssuerPreset | None = None,
    scopes: tuple[str, ...] = ("openid",),
    person: dict[str, str] | None = None,
    again: bool = False,
    login_hint: str | None = None,
) -> dict[str, str]:
    return dict(
        request_parameters(
            preset=preset,
            scopes=scopes,
            person=person or {},
            has_signed_in_before=again,
            login_hint=login_hint,
        )
    )


def test_an_unknown_issuer_gets_nothing_extra() -> None:
    assert parameters() == {}


def test_the_first_login_asks_for_no_consent_of_its_own() -> None:
    assert parameters(preset=GOOGLE_LIKE) == {"access_type": "offline"}


def test_a_repeated_login_asks_for_consent_so_that_a_refresh_token_comes() -> None:
    assert parameters(preset=GOOGLE_LIKE, again=True) == {
        "access_type": "offline",
        "prompt": "consent",
    }


def test_openid_connect_core_section_11_offline_access_goes_with_consent() -> None:
    assert parameters(scopes=("openid", "offline_access")) == {"prompt": "consent"}


def test_a_known_issuer_with_a_rule_of_its_own_goes_by_that() -> None:
    preset = IssuerPreset(name="microsoftlike", issuer=ISSUER_URL)
    assert parameters(preset=preset, scopes=("openid", "offline_access")) == {}


@pytest.mark.parametrize("preset", [None, GOOGLE_LIKE])
def test_the_persons_own_prompt_stands(preset: IssuerPreset | None) -> None:
    chosen = parameters(
        preset=preset,
        scopes=("offline_access",),
        person={"prompt": "login"},
        again=True,
    )
    assert chosen["prompt"] == "login"


def test_the_login_hint_is_sent_unless_the_person_gave_the_parameter_itself() -> None:
    assert parameters(login_hint="a@x")["login_hint"] == "a@x"
    person = {"login_hint": "b@x"}
    assert parameters(login_hint="a@x", person=person)["login_hint"] == "b@x"


# --- quirks ------------------------------------------------------------------------

SLACK_LIKE = replace(
    ISSUER, quirks=Quirks(scope_parameter="user_scope", scope_separator=",")
)


def test_scopes_are_sent_under_the_name_and_with_the_separator_of_the_issuer() -> None:
    query = query_of(url(issuer=SLACK_LIKE, scopes=("a", "b")))
    assert query["user_scope"] == ["a,b"]
    assert "scope" not in query


def test_the_person_cannot_override_the_scopes_under_their_other_name() -> None:
    with pytest.raises(BadRequestError, match="user_scope"):
        url(issuer=SLACK_LIKE, parameters={"user_scope": "admin"})
    assert url(parameters={"user_scope": "a"})


def test_the_login_hint_has_the_name_that_the_issuer_gives_it() -> None:
    quirks = Quirks(login_hint_parameter="login")
    preset = IssuerPreset(name="g", issuer=ISSUER_URL, quirks=quirks)
    assert parameters(preset=preset, login_hint="octocat") == {"login": "octocat"}
