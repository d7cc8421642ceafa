"""The device authorization grant, message by message (RFC 8628)."""

import json
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.model.client import Client
from broker.model.errors import (
    BadRequestError,
    BrokerError,
    IssuerInvalidError,
    IssuerMalformedError,
    IssuerOverloadedError,
    IssuerUnreachableError,
)
from broker.model.http import HttpRequest, HttpResponse
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.oauth.device import (
    DeviceAuthorization,
    backed_off,
    device_authorization_request,
    device_token_request,
    next_interval,
    parse_device_authorization,
)
from broker.oauth.token import TokenRefusal
from tests.oauth.values import (
    BASIC_CLIENT,
    ISSUER,
    ISSUER_URL,
    POST_CLIENT,
    PUBLIC_CLIENT,
)

ENDPOINT = "https://issuer.example/device_authorization"

RFC_8628_EXAMPLE: dict[str, object] = {
    "device_code": "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://example.com/device",
    "verification_uri_complete": "https://example.com/device?user_code=WDJB-MJHT",
    "expires_in": 1800,
    "interval": 5,
}


def parse(
    document: object, status: int = 200, issuer: str = ISSUER_URL
) -> DeviceAuthorization | TokenRefusal:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    response = HttpResponse(status=status, body=body)
    return parse_device_authorization(response, issuer=issuer)


def parsed(**changes: object) -> DeviceAuthorization:
    """The RFC's example with changes; a change of None leaves the member out."""
    members = {
        k: v for k, v in {**RFC_8628_EXAMPLE, **changes}.items() if v is not None
    }
    answer = parse(members)
    assert isinstance(answer, DeviceAuthorization)
    return answer


def form(request: HttpRequest) -> dict[str, str]:
    pairs = parse_qsl(request.body.decode(), strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def asked(client: Client, *scopes: str, **parameters: str) -> HttpRequest:
    return device_authorization_request(
        endpoint=ENDPOINT,
        issuer=ISSUER,
        client=client,
        scopes=scopes,
        parameters=parameters,
    )


# --- the request ------------------------------------------------------------------


def test_rfc8628_section_3_1_example() -> None:
    request = asked(Client(client_id="1406020730"), "example_scope")
    assert (request.method, request.url) == ("POST", ENDPOINT)
    assert form(request) == {"client_id": "1406020730", "scope": "example_scope"}


def test_the_client_proves_itself_as_at_the_token_endpoint() -> None:
    basic = asked(BASIC_CLIENT)
    assert basic.headers["Authorization"].startswith("Basic ")
    assert form(basic) == {"client_id": "s6BhdRkqt3"}
    assert form(asked(POST_CLIENT)) == {
        "client_id": "s6BhdRkqt3",
        "client_secret": "7Fjfp0ZBr1KtDRbnfVdmIw",
    }


def test_no_secret_is_in_the_address() -> None:
    assert asked(POST_CLIENT, "a", "b").url == ENDPOINT


def test_the_persons_parameters_go_along_but_not_those_that_are_ours() -> None:
    assert form(asked(PUBLIC_CLIENT, audience="https://api.example"))["audience"]
    with pytest.raises(BadRequestError):
        asked(PUBLIC_CLIENT, client_id="another")
    with pytest.raises(BadRequestError):
        asked(PUBLIC_CLIENT, "no\nscope")


def test_rfc8628_section_3_4_example() -> None:
    request = device_token_request(
        issuer=ISSUER,
        client=Client(client_id="1406020730"),
        device_code=Secret("GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS"),
    )
    assert request.url == ISSUER.token_endpoint
    assert form(request) == {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS",
        "client_id": "1406020730",
    }


def test_rfc8707_section_2_the_resource_is_named_in_both_requests() -> None:
    api = "https://api.example/"
    first = device_authorization_request(
        endpoint=ENDPOINT,
        issuer=ISSUER,
        client=PUBLIC_CLIENT,
        scopes=(),
        parameters={},
        resource=api,
    )
    second = device_token_request(
        issuer=ISSUER, client=PUBLIC_CLIENT, device_code=Secret("d"), resource=api
    )
    assert form(first)["resource"] == form(second)["resource"] == api


# --- the answer -------------------------------------------------------------------


def test_rfc8628_section_3_2_example() -> None:
    answer = parsed()
    assert answer.device_code == Secret("GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS")
    assert answer.prompt.user_code == "WDJB-MJHT"
    assert answer.prompt.verification_uri == "https://example.com/device"
    assert (
        answer.prompt.verification_uri_complete
        == "https://example.com/device?user_code=WDJB-MJHT"
    )
    assert (answer.expires_in, answer.interval) == (Seconds(1800), Seconds(5))


def test_rfc8628_section_3_2_no_interval_means_five_seconds() -> None:
    assert parsed(interval=None).interval == Seconds(5)


@pytest.mark.parametrize("interval", [0, 0.01, "0"])
def test_an_issuer_that_wants_no_pause_is_given_one(interval: object) -> None:
    assert parsed(interval=interval).interval == Seconds(1)


def test_google_names_the_address_in_its_own_way() -> None:
    url = "https://www.google.com/device"
    answer = parsed(
        verification_uri=None, verification_uri_complete=None, verification_url=url
    )
    assert answer.prompt.verification_uri == url
    assert answer.prompt.verification_uri_complete is None


def test_the_device_code_is_never_shown() -> None:
    assert "GmRhmhcx" not in repr(parsed())


@pytest.mark.parametrize(
    "code",
    [
        "\x1b[2KWDJB",
        "\x9b31mWDJB",
        "WDJB\nMJHT",
        "\u202eTHJM-BJDW",
        "WDJB\u200bMJHT",
        "\u0410\u0412\u0421",
        "",
        "   ",
        "W" * 41,
        "W" * 1_000_000,
        12345678,
        ["WDJB"],
        {"code": "WDJB"},
        True,
    ],
)
def test_a_user_code_that_nobody_could_type_is_refused(code: object) -> None:
    with pytest.raises(IssuerMalformedError):
        parsed(user_code=code)


@pytest.mark.parametrize(
    "name", ["verification_uri", "verification_url", "verification_uri_complete"]
)
@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "--flag",
        "-",
        "file:///etc/passwd",
        "http://example.com/device",
        "http://127.0.0.1/device",
        "https://user@example.com/device",
        "https://example.com/\x1b]8;;https://evil.example\x07",
        "https://example.com/\u202eecived",
        "https://example.com/a b",
        "https://example.com/" + "a" * 1_000_000,
        "",
    ],
)
def test_an_address_that_no_browser_should_be_given_is_refused(
    name: str, url: str
) -> None:
    changes: dict[str, object] = {name: url}
    if name == "verification_url":
        changes["verification_uri"] = None
    with pytest.raises(IssuerInvalidError) as refused:
        parsed(**changes)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 1000


def test_an_issuer_of_this_machine_may_send_to_this_machine() -> None:
    url = "http://127.0.0.1:8400/device"
    document = {**RFC_8628_EXAMPLE, "verification_uri": url}
    del document["verification_uri_complete"]
    answer = parse(document, issuer="http://127.0.0.1:8400")
    assert isinstance(answer, DeviceAuthorization)
    assert answer.prompt.verification_uri == url


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("interval", -1),
        ("interval", "-5"),
        ("interval", True),
        ("interval", [5]),
        ("interval", "soon"),
        ("interval", 1e400),
        ("expires_in", -1),
        ("expires_in", 0),
        ("expires_in", 1e300),
        ("expires_in", False),
        ("expires_in", "1800s"),
        ("expires_in", {}),
        ("device_code", ""),
        ("device_code", "a\x00b"),
        ("device_code", "ü"),
        ("device_code", "d" * 20_000),
        ("device_code", 7),
        ("verification_uri", 7),
        ("verification_uri_complete", ["https://example.com"]),
    ],
)
def test_a_wrong_type_or_an_impossible_value_is_refused(
    name: str, value: object
) -> None:
    with pytest.raises(IssuerMalformedError):
        parsed(**{name: value})


@pytest.mark.parametrize(
    "name", ["device_code", "user_code", "verification_uri", "expires_in"]
)
def test_what_the_rfc_requires_must_be_there(name: str) -> None:
    with pytest.raises(IssuerMalformedError, match=name):
        parsed(**{name: None})


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"<html>", b'{"user_code": "A", "user_code": "B"}']
)
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(IssuerMalformedError):
        parse(body)


def test_a_refusal_is_one() -> None:
    answer = parse({"error": "invalid_scope", "error_description": "No\x1b[m."}, 400)
    assert isinstance(answer, TokenRefusal)
    assert (answer.error, answer.description) == ("invalid_scope", "No [m.")


def test_google_refuses_too_many_requests_in_its_own_way() -> None:
    answer = parse({"error_code": "rate_limit_exceeded"}, 403)
    assert isinstance(answer, TokenRefusal)
    assert answer.error == "rate_limit_exceeded"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (429, IssuerOverloadedError),
        (503, IssuerOverloadedError),
        (302, IssuerUnreachableError),
        (407, IssuerUnreachableError),
        (404, IssuerMalformedError),
    ],
)
def test_a_status_without_an_answer_is_an_error(
    status: int, error: type[BrokerError]
) -> None:
    with pytest.raises(error):
        parse({}, status)


@given(st.binary(), st.integers(200, 599))
def test_no_answer_raises_anything_but_our_errors(body: bytes, status: int) -> None:
    said = ""
    try:
        parse(body, status)
    except BrokerError as exc:
        said = str(exc)
    assert not said or said.isprintable()


@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.none() | st.booleans() | st.floats() | st.integers() | st.text()
            for name in [*RFC_8628_EXAMPLE, "verification_url", "error", "error_code"]
        },
    )
)
def test_whatever_is_taken_can_be_shown_on_a_terminal(
    changes: dict[str, object],
) -> None:
    try:
        answer = parse({**RFC_8628_EXAMPLE, **changes})
    except BrokerError:
        return
    if isinstance(answer, DeviceAuthorization):
        prompt = answer.prompt
        shown = prompt.user_code + prompt.verification_uri
        assert shown.isascii()
        assert shown.isprintable()
        assert answer.interval >= 1
        assert answer.expires_in > 0


# --- time -------------------------------------------------------------------------


def test_rfc8628_section_3_5_pending_keeps_the_interval() -> None:
    assert next_interval(Seconds(5), "authorization_pending") == Seconds(5)


def test_rfc8628_section_3_5_slow_down_adds_five_seconds() -> None:
    once = next_interval(Seconds(5), "slow_down")
    assert once == Seconds(10)
    assert once is not None
    assert next_interval(once, "slow_down") == Seconds(15)


@pytest.mark.parametrize(
    "error", ["access_denied", "expired_token", "invalid_grant", "", "Slow_Down"]
)
def test_every_other_code_ends_the_login(error: str) -> None:
    assert next_interval(Seconds(5), error) is None


def test_rfc8628_section_3_5_time_outs_double_the_wait() -> None:
    waits = [float(backed_off(Seconds(5), missed)) for missed in range(6)]
    assert waits == [5, 10, 20, 40, 60, 60]


def test_backing_off_never_asks_more_often_than_the_issuer_wants() -> None:
    assert backed_off(Seconds(90), 3) == Seconds(90)
    assert backed_off(Seconds(90), 1_000_000) == Seconds(90)
