import base64
from urllib.parse import parse_qs

import pytest

from broker.model.client import Client, ClientAuthentication
from broker.model.secret import Secret
from broker.oauth.client_authentication import (
    authenticated_post,
    choose_authentication,
)
from tests.oauth.values import BASIC_CLIENT, POST_CLIENT, PUBLIC_CLIENT

URL = "https://issuer.example/token"


@pytest.mark.parametrize(
    ("methods", "chosen"),
    [
        (["client_secret_basic"], ClientAuthentication.BASIC),
        (["client_secret_post"], ClientAuthentication.POST),
        (["client_secret_post", "client_secret_basic"], ClientAuthentication.BASIC),
        (["none"], ClientAuthentication.NONE),
        (["none", "client_secret_post"], ClientAuthentication.POST),
        (["private_key_jwt"], ClientAuthentication.BASIC),
        ([], ClientAuthentication.BASIC),
    ],
)
def test_a_client_with_a_secret_uses_what_the_issuer_takes(
    methods: list[str], chosen: ClientAuthentication
) -> None:
    assert choose_authentication(methods, has_secret=True) is chosen


@pytest.mark.parametrize("methods", [["client_secret_basic"], ["none"], []])
def test_a_client_without_a_secret_has_nothing_to_prove_itself_by(
    methods: list[str],
) -> None:
    chosen = choose_authentication(methods, has_secret=False)
    assert chosen is ClientAuthentication.NONE


def test_rfc6749_section_2_3_1_basic_example() -> None:
    request = authenticated_post(URL, client=BASIC_CLIENT, form="a=b")
    assert request.headers["Authorization"] == "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW"
    assert request.body == b"a=b"


def test_rfc6749_section_2_3_1_post_example() -> None:
    request = authenticated_post(URL, client=POST_CLIENT, form="a=b")
    assert "Authorization" not in request.headers
    assert request.body == (
        b"a=b&client_id=s6BhdRkqt3&client_secret=7Fjfp0ZBr1KtDRbnfVdmIw"
    )


def test_rfc6749_section_3_2_1_a_public_client_says_who_it_is() -> None:
    request = authenticated_post(URL, client=PUBLIC_CLIENT, form="a=b")
    assert "Authorization" not in request.headers
    assert request.body == b"a=b&client_id=s6BhdRkqt3"


def test_id_and_secret_are_form_encoded_before_base64() -> None:
    client = Client(
        client_id="a:b c",
        client_secret=Secret("p%+/é"),
        authentication=ClientAuthentication.BASIC,
    )
    header = authenticated_post(URL, client=client, form="").headers["Authorization"]
    pair = base64.b64decode(header.removeprefix("Basic ")).decode()
    assert pair == "a%3Ab+c:p%25%2B%2F%C3%A9"


def test_odd_characters_of_a_secret_survive_the_body() -> None:
    client = Client(
        client_id="id",
        client_secret=Secret("a&b=c+d e"),
        authentication=ClientAuthentication.POST,
    )
    body = authenticated_post(URL, client=client, form="x=y").body.decode()
    assert parse_qs(body)["client_secret"] == ["a&b=c+d e"]


def test_json_is_asked_for() -> None:
    request = authenticated_post(URL, client=PUBLIC_CLIENT, form="")
    assert request.method == "POST"
    assert request.headers["Accept"] == "application/json"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
