"""Requests that must be proven: nonces, and what is sent twice."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from broker.model.errors import IssuerUnreachableError
from broker.model.http import Assertion, HttpRequest, HttpResponse
from broker.oauth.dpop import dpop_key
from broker.services.proving import ProvingSender
from tests.fakes.clock import FakeClock
from tests.fakes.proofs import read_proof
from tests.fakes.sender import FakeSender, json_response
from tests.oauth.keys import read_jwt, signing_key
from tests.services.world import CountedBytes, token_answer

KEY = dpop_key(bytes(32))
TOKEN = "https://issuer.example/token"


def bound(url: str = TOKEN) -> HttpRequest:
    return HttpRequest(method="POST", url=url, body=b"code=1", dpop_key=KEY)


def wants(nonce: str) -> HttpResponse:
    return json_response(
        {"error": "use_dpop_nonce"}, status=400, headers={"dpop-nonce": nonce}
    )


def given(nonce: str) -> HttpResponse:
    return HttpResponse(status=200, headers={"dpop-nonce": nonce}, body=b"{}")


def sent_nonces(sender: FakeSender) -> list[object]:
    return [claims(sender, each).get("nonce") for each in range(len(sender.requests))]


def claims(sender: FakeSender, index: int = -1) -> dict[str, object]:
    return read_proof(sender.requests[index].headers["DPoP"])[1]


@pytest.fixture
def proving() -> Callable[[FakeSender], ProvingSender]:
    random = CountedBytes()
    return lambda sender: ProvingSender(sender, clock=FakeClock(), random=random)


Proving = Callable[[FakeSender], ProvingSender]


async def test_a_request_without_a_key_passes_as_it_is(proving: Proving) -> None:
    sender, request = FakeSender(token_answer()), HttpRequest(method="GET", url=TOKEN)
    await proving(sender).send(request)
    assert sender.requests == [request]


async def test_a_request_with_a_key_is_proven_at_the_time_of_the_wall_clock(
    proving: Proving,
) -> None:
    sender = FakeSender(token_answer())
    await proving(sender).send(bound())
    assert claims(sender)["iat"] == 1_800_000_000
    assert sender.requests[0].dpop_key is None


async def test_rfc9449_section_8_a_request_that_lacked_its_nonce_is_sent_once_more(
    proving: Proving,
) -> None:
    sender = FakeSender(wants("n-1"), token_answer())
    answer = await proving(sender).send(bound())
    assert answer.status == 200
    assert sent_nonces(sender) == [None, "n-1"]
    assert {request.body for request in sender.requests} == {b"code=1"}
    assert claims(sender, 0)["jti"] != claims(sender, 1)["jti"]


async def test_rfc9449_section_8_it_is_sent_once_more_and_never_again(
    proving: Proving,
) -> None:
    sender = FakeSender(wants("n-1"), wants("n-2"))
    answer = await proving(sender).send(bound())
    assert answer.status == 400
    assert sent_nonces(sender) == [None, "n-1"]


async def test_rfc9449_section_8_2_the_newest_nonce_of_any_answer_is_used_next(
    proving: Proving,
) -> None:
    sender = FakeSender(given("n-1"), given("n-2"), token_answer(), token_answer())
    door = proving(sender)
    for _ in range(4):
        await door.send(bound())
    assert sent_nonces(sender) == [None, "n-1", "n-2", "n-2"]


async def test_a_nonce_is_for_the_server_that_gave_it_alone(proving: Proving) -> None:
    sender = FakeSender(given("n-1"), token_answer())
    door = proving(sender)
    await door.send(bound())
    await door.send(bound("https://other.example/token"))
    assert sent_nonces(sender) == [None, None]


async def test_the_nonce_that_was_just_refused_is_not_sent_again(
    proving: Proving,
) -> None:
    sender = FakeSender(given("n-1"), wants("n-1"))
    door = proving(sender)
    await door.send(bound())
    assert (await door.send(bound())).status == 400
    assert sent_nonces(sender) == [None, "n-1"]


async def test_any_other_refusal_is_no_reason_to_send_twice(proving: Proving) -> None:
    refused = json_response(
        {"error": "invalid_grant"}, status=400, headers={"dpop-nonce": "n-1"}
    )
    sender = FakeSender(refused)
    await proving(sender).send(bound())
    assert len(sender.requests) == 1


async def test_a_nonce_that_was_asked_for_but_not_given_is_the_answer(
    proving: Proving,
) -> None:
    sender = FakeSender(json_response({"error": "use_dpop_nonce"}, status=400))
    assert (await proving(sender).send(bound())).status == 400


async def test_a_fault_on_the_way_is_told_as_it_is(proving: Proving) -> None:
    fault = IssuerUnreachableError(issuer="i", what="reset", sent=True)
    with pytest.raises(IssuerUnreachableError) as caught:
        await proving(FakeSender(fault)).send(bound())
    assert caught.value is fault


def signed(url: str = TOKEN) -> HttpRequest:
    made = Assertion(parameter="client_assertion", key=signing_key(), claims={})
    return replace(bound(url), assertions=(made,))


async def test_an_assertion_is_made_anew_for_each_time_that_a_form_is_sent() -> None:
    sender = FakeSender(wants("n-1"), token_answer())
    door = ProvingSender(sender, clock=FakeClock(), random=CountedBytes())
    await door.send(signed())
    ids = {
        str(read_jwt(sender.form(n)["client_assertion"], signing_key())[1]["jti"])
        for n in range(2)
    }
    assert len(ids) == 2
    assert sender.form()["code"] == "1"


async def test_what_is_only_to_be_signed_is_not_proven() -> None:
    sender = FakeSender(token_answer())
    door = ProvingSender(sender, clock=FakeClock(), random=CountedBytes())
    await door.send(replace(signed(), dpop_key=None))
    assert "DPoP" not in sender.requests[0].headers
    assert "client_assertion" in sender.form()
