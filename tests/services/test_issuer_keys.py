"""Issuers' keys: fetched, kept, rotated, and out of reach."""

import asyncio

import pytest
from msgspec.structs import replace

from broker.model.errors import (
    IssuerMalformedError,
    IssuerOverloadedError,
    IssuerUnreachableError,
)
from broker.model.http import HttpResponse
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.services.issuer_keys import LOOK_PAUSE, MOST_ISSUERS, IssuerKeys
from tests.fakes.clock import FakeClock, run_until_idle
from tests.fakes.sender import FakeSender, json_response
from tests.fakes.signer import Signer, key_set, unsigned
from tests.services.identified import (
    KEYS_URL,
    SIGNER,
    WITH_KEYS,
    TalkingIssuer,
    claims,
    id_token,
)
from tests.services.world import ISSUER

NEW = Signer("key-2")
DOWN = IssuerUnreachableError(issuer=ISSUER.url, what="no route")


class Checking:
    """A checker at one issuer."""

    def __init__(self, issuer: TalkingIssuer | None = None) -> None:
        self.issuer = issuer or TalkingIssuer()
        self.clock = FakeClock()
        self.sender = FakeSender(otherwise=self.issuer)
        self.keys = IssuerKeys(sender=self.sender, clock=self.clock)

    async def check(self, signer: Signer = SIGNER) -> object:
        return await self.keys.check(id_token(signer), WITH_KEYS)

    @property
    def fetches(self) -> int:
        return self.issuer.count("/jwks")


async def test_a_signature_is_checked_with_keys_that_are_fetched_once() -> None:
    it = Checking()
    assert await it.check() is None
    assert await it.check() is None
    assert it.fetches == 1
    assert it.sender.requests[0].url == KEYS_URL


async def test_a_wrong_signature_is_refused() -> None:
    it = Checking(TalkingIssuer(keys=(SIGNER,)))
    forged = Signer("key-2")
    forged.kid = "key-1"
    with pytest.raises(IssuerMalformedError, match="not of the issuer's key"):
        await it.check(forged)


async def test_an_issuer_without_keys_is_taken_at_its_word() -> None:
    it = Checking()
    assert await it.keys.check(id_token(), ISSUER) is None
    assert it.fetches == 0


async def test_a_token_that_is_not_signed_is_refused_without_keys_too() -> None:
    it = Checking()
    with pytest.raises(IssuerMalformedError, match="not a signed JWT"):
        await it.keys.check(Secret(unsigned({"alg": "none"}, claims())), ISSUER)


async def test_a_new_key_is_looked_for_at_once() -> None:
    it = Checking()
    await it.check()
    it.issuer.keys = (SIGNER, NEW)
    assert await it.check(NEW) is None
    assert it.fetches == 2


async def test_a_key_that_is_exchanged_under_its_name_is_found_too() -> None:
    it = Checking()
    await it.check()
    exchanged = Signer("key-2")
    exchanged.kid = "key-1"
    it.issuer.keys = (exchanged,)
    assert await it.check(exchanged) is None
    assert it.fetches == 2


async def test_unknown_keys_are_looked_for_once_in_a_while() -> None:
    it = Checking()
    await it.check()
    for _ in range(5):
        with pytest.raises(IssuerMalformedError, match="does not publish"):
            await it.check(NEW)
    assert it.fetches == 2
    await it.clock.advance(LOOK_PAUSE)
    with pytest.raises(IssuerMalformedError):
        await it.check(NEW)
    assert it.fetches == 3


async def test_keys_that_have_just_been_fetched_are_not_looked_for_again() -> None:
    it = Checking()
    with pytest.raises(IssuerMalformedError, match="does not publish"):
        await it.check(NEW)
    assert it.fetches == 1


async def test_a_withdrawn_key_is_forgotten_when_the_set_is_due() -> None:
    it = Checking(TalkingIssuer(headers={"cache-control": "max-age=600"}))
    await it.check()
    it.issuer.keys = (NEW,)
    await it.clock.advance(Seconds(599))
    assert await it.check() is None
    await it.clock.advance(Seconds(1))
    with pytest.raises(IssuerMalformedError, match="does not publish"):
        await it.check()


async def test_many_who_ask_at_once_cause_one_fetch() -> None:
    it = Checking()
    gate = it.sender.hold()
    asking = [asyncio.create_task(it.check(), name="check") for _ in range(10)]
    await run_until_idle()
    gate.set()
    assert await asyncio.gather(*asking) == [None] * 10
    assert it.fetches == 1


async def test_many_with_a_new_key_cause_one_fetch() -> None:
    it = Checking()
    await it.check()
    it.issuer.keys = (SIGNER, NEW)
    gate = it.sender.hold()
    asking = [asyncio.create_task(it.check(NEW), name="check") for _ in range(10)]
    await run_until_idle()
    gate.set()
    assert await asyncio.gather(*asking) == [None] * 10
    assert it.fetches == 2


async def test_whoever_leaves_while_fetching_leaves_it_to_the_next() -> None:
    it = Checking()
    gate = it.sender.hold()
    first = asyncio.create_task(it.check(), name="first")
    second = asyncio.create_task(it.check(), name="second")
    await run_until_idle()
    first.cancel()
    gate.set()
    assert await second is None
    assert first.cancelled() or first.cancelling()
    await asyncio.gather(first, return_exceptions=True)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (DOWN, IssuerUnreachableError),
        (HttpResponse(status=503), IssuerOverloadedError),
        (HttpResponse(status=502), IssuerUnreachableError),
        (HttpResponse(status=404), IssuerMalformedError),
        (HttpResponse(status=200, body=b"<html>"), IssuerMalformedError),
        (json_response({}), IssuerMalformedError),
    ],
)
async def test_keys_that_cannot_be_had_leave_it_unknown(
    answer: HttpResponse | Exception, fault: type[Exception]
) -> None:
    it = Checking(TalkingIssuer(keys=answer))
    assert isinstance(await it.check(), fault)
    assert isinstance(await it.check(), fault)
    assert it.fetches == 1
    it.issuer.keys = (SIGNER,)
    await it.clock.advance(LOOK_PAUSE)
    assert await it.check() is None


async def test_the_keys_of_before_serve_while_the_issuer_is_down() -> None:
    it = Checking()
    await it.check()
    it.issuer.keys = DOWN
    await it.clock.advance(Seconds(100_000))
    assert await it.check() is None
    assert it.fetches == 2
    assert isinstance(await it.check(NEW), IssuerUnreachableError)
    forged = Signer("key-2")
    forged.kid = "key-1"
    with pytest.raises(IssuerMalformedError, match="not of the issuer's key"):
        await it.check(forged)


async def test_keys_are_of_one_issuer_alone() -> None:
    it = Checking()
    await it.check()
    other = replace(WITH_KEYS, url="https://other.example")
    await it.keys.check(id_token(), other)
    assert it.fetches == 2


async def test_keys_of_a_bounded_number_of_issuers_are_kept() -> None:
    it = Checking()
    for number in range(MOST_ISSUERS + 1):
        issuer = replace(WITH_KEYS, url=f"https://{number}.example")
        await it.keys.check(id_token(), issuer)
    await it.keys.check(id_token(), replace(WITH_KEYS, url="https://0.example"))
    assert it.fetches == MOST_ISSUERS + 2


async def test_no_part_of_a_token_is_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    it = Checking()
    await it.check()
    with pytest.raises(IssuerMalformedError):
        await it.check(NEW)
    assert "issuer.keys.complete" in caplog.text
    assert "id_token.refused" in caplog.text
    assert "eyJ" not in caplog.text


def test_a_key_set_of_the_tests_is_one() -> None:
    assert len(key_set(SIGNER, NEW)["keys"]) == 2  # type: ignore[arg-type]
