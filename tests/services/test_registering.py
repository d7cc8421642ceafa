"""Registering clients: once for a login however often it is tried, and none is left."""

import asyncio
import json

import pytest
from msgspec.structs import replace

from broker.model.account import RedirectChoice
from broker.model.client import Registration
from broker.model.errors import (
    IssuerUnreachableError,
    LockedError,
    RegistrationRefusedError,
)
from broker.model.grant import Grant
from broker.model.http import HttpRequest, HttpResponse
from broker.model.secret import Secret
from broker.model.time import Seconds, UnixTime
from broker.services.registering import (
    CLOSING_DEADLINE,
    LOOSE_REGISTRATIONS,
    Registered,
)
from tests.fakes.clock import FakeClock, run_until_idle
from tests.fakes.sender import FakeSender, json_response
from tests.services.signing import registering
from tests.services.world import HOME, ISSUER, WORK, a_grant

REGISTRY = replace(
    ISSUER,
    registration_endpoint="https://issuer.example/register",
    authentication_methods=("none",),
)
ANYWHERE = RedirectChoice()


def registration(client_id: str = "made-1", **members: object) -> HttpResponse:
    return json_response(
        {
            "client_id": client_id,
            "registration_client_uri": f"https://issuer.example/register/{client_id}",
            "registration_access_token": f"manage-{client_id}",
            **members,
        },
        status=201,
    )


def unmanaged(client_id: str = "made-1") -> HttpResponse:
    return json_response({"client_id": client_id}, status=201)


async def registered(*answers: HttpResponse) -> Registered:
    made = await registering(FakeSender(*answers)).register(WORK, REGISTRY, ANYWHERE)
    assert made is not None
    return made


def grant_of(made: Registered) -> Grant:
    grant = a_grant()
    return replace(grant, account=replace(grant.account, client=made.client))


def asked(sender: FakeSender) -> list[tuple[str, str]]:
    return [(one.method, one.url.rpartition("/")[2]) for one in sender.requests]


async def test_a_client_is_registered_with_the_address_that_it_will_use() -> None:
    sender = FakeSender(registration())
    made = await registering(sender).register(WORK, REGISTRY, ANYWHERE)
    assert made is not None
    sent = json.loads(sender.requests[0].body)
    assert sender.requests[0].url == REGISTRY.registration_endpoint
    assert sent["redirect_uris"][0] == f"http://127.0.0.1:{made.redirect.port}/"
    assert made.redirect.port > 1024
    assert made.client.client_id == "made-1"
    assert made.client.registration is not None
    assert made.client.registration.access_token == Secret("manage-made-1")


async def test_an_issuer_without_a_registry_is_not_asked() -> None:
    assert await registering(FakeSender()).register(WORK, ISSUER, ANYWHERE) is None


async def test_a_login_that_is_tried_again_does_not_register_again() -> None:
    sender = FakeSender(registration())
    service = registering(sender)
    made = await service.register(WORK, REGISTRY, ANYWHERE)
    assert await service.register(WORK, REGISTRY, ANYWHERE) == made
    assert len(sender.requests) == 1


async def test_two_logins_at_once_register_once() -> None:
    sender = FakeSender(registration())
    held = sender.hold()
    service = registering(sender)
    both = [
        asyncio.create_task(service.register(WORK, REGISTRY, ANYWHERE))
        for _ in range(2)
    ]
    await run_until_idle()
    held.set()
    first, second = await asyncio.gather(*both)
    assert first == second
    assert len(sender.requests) == 1


async def test_each_account_and_each_issuer_has_a_client_of_its_own() -> None:
    sender = FakeSender(registration("a"), registration("b"), registration("c"))
    service = registering(sender)
    other = replace(REGISTRY, url="https://other.example")
    made = [
        await service.register(*whose, ANYWHERE)
        for whose in ((WORK, REGISTRY), (HOME, REGISTRY), (WORK, other))
    ]
    assert [one.client.client_id for one in made if one] == ["a", "b", "c"]


async def test_another_address_needs_another_registration() -> None:
    sender = FakeSender(registration("a"), registration("b"))
    service = registering(sender)
    await service.register(WORK, REGISTRY, ANYWHERE)
    elsewhere = RedirectChoice(uri="http://localhost:1/cb")
    made = await service.register(WORK, REGISTRY, elsewhere)
    assert made is not None
    assert made.client.client_id == "b"
    assert json.loads(sender.requests[1].body)["redirect_uris"] == [elsewhere.uri]


async def test_the_client_that_is_to_be_replaced_is_not_found_again() -> None:
    old = await registered(registration("old"))
    sender = FakeSender(registration("a"), registration("b"))
    service = registering(sender)
    elsewhere = RedirectChoice(uri="http://localhost:1/cb")
    await service.register(WORK, REGISTRY, elsewhere, instead_of=old)
    made = await service.register(WORK, REGISTRY, old.redirect, instead_of=old)
    assert made is not None
    assert made.client.client_id == "b"


async def test_a_refusal_leaves_nothing_behind() -> None:
    sender = FakeSender(json_response({"error": "invalid_redirect_uri"}, status=400))
    service = registering(sender)
    with pytest.raises(RegistrationRefusedError):
        await service.register(WORK, REGISTRY, ANYWHERE)
    await service.close(lambda _: None)
    assert len(sender.requests) == 1


# --- an earlier login's client -----------------------------------------------------


async def test_a_client_that_the_issuer_still_knows_is_used_again() -> None:
    made = await registered(registration())
    sender = FakeSender(registration())
    assert await registering(sender).again(made, REGISTRY) == made
    assert asked(sender) == [("GET", "made-1")]
    assert sender.requests[0].headers["Authorization"] == "Bearer manage-made-1"


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_client_that_the_issuer_has_forgotten_is_not_used(status: int) -> None:
    made = await registered(registration())
    sender = FakeSender(HttpResponse(status=status))
    assert await registering(sender).again(made, REGISTRY) is None


async def test_rfc7592_section_3_new_secrets_of_a_registration_are_taken() -> None:
    made = await registered(registration(client_secret="old"))
    shown = {"client_secret": "new", "registration_access_token": "manage-2"}
    sender = FakeSender(json_response({"client_id": "made-1", **shown}))
    again = await registering(sender).again(made, REGISTRY)
    assert again is not None
    assert again.client.client_secret == Secret("new")
    kept, before = again.client.registration, made.client.registration
    assert kept is not None
    assert before is not None
    assert (kept.uri, kept.access_token) == (before.uri, Secret("manage-2"))


@pytest.mark.parametrize(
    "shown",
    [
        HttpResponse(status=500),
        HttpResponse(status=200, body=b"<html>"),
        json_response({"client_id": "somebody-else"}),
        json_response({"client_id": "made-1", "redirect_uris": ["https://a.example"]}),
    ],
)
async def test_a_look_that_shows_nothing_changes_nothing(shown: HttpResponse) -> None:
    made = await registered(registration())
    assert await registering(FakeSender(shown)).again(made, REGISTRY) == made


async def test_checklist_47_a_client_whose_secret_has_ended_is_not_used() -> None:
    end = FakeClock().now().wall + 60
    made = await registered(
        registration(client_secret="s", client_secret_expires_at=int(end))
    )
    clock = FakeClock()
    sender = FakeSender(otherwise=HttpResponse(status=500))
    service = registering(sender, clock)
    assert await service.again(made, REGISTRY) is not None
    await clock.advance(Seconds(61))
    assert await service.again(made, REGISTRY) is None
    assert len(sender.requests) == 1


async def test_without_a_place_to_look_a_failed_login_is_what_tells() -> None:
    made = await registered(unmanaged())
    service = registering(FakeSender())
    assert await service.again(made, REGISTRY) == made
    service.came_to_nothing(REGISTRY, made.client)
    assert await service.again(made, REGISTRY) is None


# --- what comes to nothing ---------------------------------------------------------


async def test_a_client_that_no_account_uses_is_deleted_at_the_end() -> None:
    sender = FakeSender(registration(), HttpResponse(status=204))
    service = registering(sender)
    await service.register(WORK, REGISTRY, ANYWHERE)
    await service.close(lambda _: None)
    assert asked(sender) == [("POST", "register"), ("DELETE", "made-1")]
    await service.close(lambda _: None)
    assert len(sender.requests) == 2


async def test_a_client_that_an_account_uses_stays() -> None:
    sender = FakeSender(registration())
    service = registering(sender)
    made = await service.register(WORK, REGISTRY, ANYWHERE)
    assert made is not None
    await service.close(lambda _: grant_of(made))
    assert asked(sender) == [("POST", "register")]


async def test_a_client_that_went_with_its_account_is_not_used_again() -> None:
    sender = FakeSender(registration(), registration("made-2"))
    service = registering(sender)
    made = await service.register(WORK, REGISTRY, ANYWHERE)
    assert made is not None
    service.let_go(grant_of(made).account)
    await service.close(lambda _: None)
    assert len(sender.requests) == 1
    again = await service.register(WORK, REGISTRY, ANYWHERE)
    assert again is not None
    assert again.client.client_id == "made-2"


async def test_of_an_old_and_a_new_client_the_one_that_is_not_used_goes() -> None:
    old = await registered(registration("old"))
    for is_old_used, deleted in ((True, "new"), (False, "old")):
        sender = FakeSender(registration("new"), HttpResponse(status=204))
        service = registering(sender)
        new = await service.register(WORK, REGISTRY, ANYWHERE, instead_of=old)
        assert new is not None
        used = grant_of(old if is_old_used else new)
        await service.close(lambda _, used=used: used)  # type: ignore[misc]
        assert asked(sender)[1:] == [("DELETE", deleted)]


async def test_nothing_is_deleted_while_nobody_knows_what_is_used() -> None:
    def locked(_: object) -> Grant:
        raise LockedError(reason="no passphrase")

    sender = FakeSender(registration())
    service = registering(sender)
    await service.register(WORK, REGISTRY, ANYWHERE)
    await service.close(locked)
    assert len(sender.requests) == 1


async def test_an_issuer_that_does_not_answer_does_not_hold_up_the_end() -> None:
    clock = FakeClock()
    sender = FakeSender(registration())
    service = registering(sender, clock)
    await service.register(WORK, REGISTRY, ANYWHERE)
    sender.script(HttpResponse(status=204))
    sender.hold()
    closing = asyncio.create_task(service.close(lambda _: None))
    await run_until_idle()
    assert not closing.done()
    await clock.advance(CLOSING_DEADLINE)
    await closing
    assert sender.under_way == 0


async def test_a_deletion_says_whether_the_registration_is_gone() -> None:
    made = await registered(registration())
    gone = registering(FakeSender(HttpResponse(status=204)))
    assert await gone.delete(made.client)
    down = IssuerUnreachableError(issuer="x", what="no route")
    for answer in (HttpResponse(status=405), down):
        assert not await registering(FakeSender(answer)).delete(made.client)
    bare = replace(made.client, registration=Registration())
    assert not await registering(FakeSender()).delete(bare)
    given = replace(made.client, registration=None)
    assert not await registering(FakeSender()).delete(given)


async def test_no_more_than_so_many_are_remembered() -> None:
    def answer(request: HttpRequest) -> HttpResponse:
        if request.method == "DELETE":
            return HttpResponse(status=204)
        return registration(f"c{len(sender.requests)}")

    sender = FakeSender(otherwise=answer)
    service = registering(sender)
    for number in range(LOOSE_REGISTRATIONS + 5):
        choice = RedirectChoice(uri=f"http://localhost:{number + 1}/")
        await service.register(WORK, REGISTRY, choice)
    await service.close(lambda _: None)
    deleted = [one for one in sender.requests if one.method == "DELETE"]
    assert len(deleted) == LOOSE_REGISTRATIONS


def test_what_is_registered_shows_no_secret() -> None:
    kept = Registration(access_token=Secret("r4t"), expires_at=UnixTime(1))
    assert "r4t" not in repr(kept)
