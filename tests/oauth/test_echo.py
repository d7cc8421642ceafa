"""What was sent is taken out of what is said about it."""

import json

import pytest

from broker.model.client import Client, ClientAuthentication
from broker.model.http import HttpRequest, HttpResponse
from broker.model.secret import Secret
from broker.oauth.client_authentication import authenticated_post
from broker.oauth.echo import without_echo

FORM = "grant_type=refresh_token&refresh_token=r%2Ftoken-1&code=the-code&scope=visible"


def a_request(method: ClientAuthentication) -> HttpRequest:
    client = Client(
        client_id="desk", client_secret=Secret("pass:word"), authentication=method
    )
    return authenticated_post("https://i.example/token", client=client, form=FORM)


def said(body: bytes, status: int = 400) -> bytes:
    request = a_request(ClientAuthentication.POST)
    return without_echo(request, HttpResponse(status=status, body=body)).body


@pytest.mark.parametrize("status", [400, 401, 500])
def test_the_secrets_of_a_form_are_not_repeated(status: int) -> None:
    body = b'{"error_description": "r/token-1 r%2Ftoken-1 the-code pass:word visible"}'
    heard = said(body, status)
    for secret in (b"r/token-1", b"r%2Ftoken-1", b"the-code", b"pass:word"):
        assert secret not in heard
    assert b"visible" in heard


@pytest.mark.parametrize(
    "name",
    [
        *("assertion", "client_assertion", "client_secret", "code", "code_verifier"),
        *("device_code", "password", "refresh_token", "subject_token", "token"),
    ],
)
def test_nothing_that_proves_anything_is_repeated(name: str) -> None:
    client = Client(client_id="desk")
    form = f"{name}=eyJ.hush.hush&audience=orders"
    request = authenticated_post("https://i.example/t", client=client, form=form)
    body = b"eyJ.hush.hush is not for orders"
    heard = without_echo(request, HttpResponse(status=400, body=body)).body
    assert heard == b"(not shown) is not for orders"


@pytest.mark.parametrize(
    "written", [rb"r\/+token=", rb"r/\u002Btoken\u003d", rb"\u0072\u002f+token="]
)
def test_a_secret_that_json_writes_in_another_way_is_not_repeated(
    written: bytes,
) -> None:
    request = HttpRequest(
        method="POST",
        url="https://i.example/",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=b"refresh_token=r%2F%2Btoken%3D",
    )
    body = b'{"error_description": "no: ' + written + rb' \u0022 \\u003d \n"}'
    heard = without_echo(request, HttpResponse(status=400, body=body)).body
    assert json.loads(heard) == {"error_description": 'no: (not shown) " \\u003d \n'}


def test_the_header_of_a_client_is_not_repeated() -> None:
    request = a_request(ClientAuthentication.BASIC)
    sent = request.headers["Authorization"].removeprefix("Basic ")
    body = f"no: {sent} pass:word desk".encode()
    heard = without_echo(request, HttpResponse(status=401, body=body)).body
    assert heard == b"no: (not shown) (not shown) desk"


def test_a_bearer_token_is_not_repeated() -> None:
    request = HttpRequest(
        method="GET",
        url="https://i.example/",
        headers={"Authorization": "Bearer token-1"},
    )
    answer = HttpResponse(status=403, body=b"token-1 is not enough")
    assert b"token-1" not in without_echo(request, answer).body


def test_what_is_granted_stays_as_it_is() -> None:
    body = b'{"access_token": "a", "refresh_token": "r/token-1", "error": "no"}'
    assert said(body, 200) == body


def test_a_refusal_that_calls_itself_a_success_is_a_refusal() -> None:
    assert b"the-code" not in said(b'{"error": "bad", "x": "the-code"}', 200)


def test_short_values_are_left_in_their_words() -> None:
    request = HttpRequest(
        method="POST",
        url="https://i.example/",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=b"code=a&token=in",
    )
    answer = HttpResponse(status=400, body=b"invalid")
    assert without_echo(request, answer) is answer


def test_an_answer_without_an_echo_is_not_made_anew() -> None:
    request = a_request(ClientAuthentication.POST)
    answer = HttpResponse(status=400, body=b'{"error": "invalid_grant"}')
    assert without_echo(request, answer) is answer


@pytest.mark.parametrize("value", ["Basic ???", "Basic /////w==", "Negotiate x", ""])
def test_a_strange_header_is_no_obstacle(value: str) -> None:
    request = HttpRequest(
        method="GET", url="https://i.example/", headers={"Authorization": value}
    )
    answer = HttpResponse(status=400, body=b"no")
    assert without_echo(request, answer) is answer
