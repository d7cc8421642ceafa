"""MCP servers: what they say before a sign-in, and what is believed of it."""

import json

import pytest

from broker.model.errors import (
    IssuerNeededError,
    IssuerOverloadedError,
    IssuerUnreachableError,
    ResourceInvalidError,
)
from broker.model.http import HttpResponse
from broker.services.resources import ResourceFound, Resources
from tests.fakes.sender import Answer, FakeSender, json_response
from tests.services.world import ISSUER, WORK

MCP = "https://mcp.example/mcp"
PLACE = "https://mcp.example/.well-known/oauth-protected-resource/mcp"
ROOT = "https://mcp.example/.well-known/oauth-protected-resource"
METADATA: dict[str, object] = {
    "resource": MCP,
    "authorization_servers": [ISSUER.url],
    "scopes_supported": ["files", "mail"],
}
DESCRIBED = json_response(METADATA)
NOT_FOUND = HttpResponse(status=404)


def challenge(*said: str, scheme: str = "Bearer") -> HttpResponse:
    header = f"{scheme} {', '.join(said)}" if said else scheme
    return HttpResponse(status=401, headers={"www-authenticate": header})


CHALLENGE = challenge('resource_metadata="https://mcp.example/elsewhere"')


async def find(
    *answers: Answer, url: str = MCP, issuer: str | None = None
) -> ResourceFound:
    return await Resources(FakeSender(*answers)).find(url, account=WORK, issuer=issuer)


async def test_a_challenge_says_where_the_metadata_is() -> None:
    sender = FakeSender(CHALLENGE, DESCRIBED)
    found = await Resources(sender).find(MCP, account=WORK, issuer=None)
    assert found == ResourceFound(
        resource=MCP, issuer=ISSUER.url, scopes=("files", "mail")
    )
    asked, read = sender.requests
    assert (asked.method, asked.url) == ("POST", MCP)
    assert json.loads(asked.body)["method"] == "ping"
    assert "Authorization" not in asked.headers
    assert (read.method, read.url) == ("GET", "https://mcp.example/elsewhere")


@pytest.mark.parametrize(
    "asked",
    [challenge(), challenge('realm="x'), HttpResponse(status=401), NOT_FOUND],
)
async def test_without_a_challenge_the_well_known_places_are_tried_in_order(
    asked: HttpResponse,
) -> None:
    sender = FakeSender(asked, NOT_FOUND, DESCRIBED)
    found = await Resources(sender).find(MCP, account=WORK, issuer=None)
    assert found.issuer == ISSUER.url
    assert [one.url for one in sender.requests] == [MCP, PLACE, ROOT]


async def test_a_page_or_a_redirect_at_the_first_place_does_not_hide_the_second() -> (
    None
):
    for other in (
        HttpResponse(status=200, body=b"<html>"),
        HttpResponse(status=302, headers={"location": "/home"}),
    ):
        found = await find(challenge(), other, DESCRIBED)
        assert found.issuer == ISSUER.url


async def test_scopes_of_the_challenge_go_before_those_of_the_metadata() -> None:
    wanted = 'scope="files other"'
    place = 'resource_metadata="https://mcp.example/m"'
    found = await find(challenge(place, wanted), DESCRIBED)
    assert found.scopes == ("files", "other")
    bare = json_response({k: v for k, v in METADATA.items() if "scopes" not in k})
    assert (await find(challenge(place), bare)).scopes is None


async def test_a_challenge_of_dpop_is_one_too() -> None:
    found = await find(
        challenge('resource_metadata="https://mcp.example/m"', scheme="DPoP"), DESCRIBED
    )
    assert found.issuer == ISSUER.url


async def test_of_several_issuers_the_person_picks_one() -> None:
    both = [ISSUER.url, "https://other.example"]
    described = json_response({**METADATA, "authorization_servers": both})
    with pytest.raises(IssuerNeededError) as caught:
        await find(CHALLENGE, described)
    assert caught.value.issuers == tuple(both)
    for issuer in both:
        assert (await find(CHALLENGE, described, issuer=issuer)).issuer == issuer
    with pytest.raises(ResourceInvalidError, match=r"takes no tokens of https://evil"):
        await find(CHALLENGE, described, issuer="https://evil.example")


async def test_a_server_that_says_nothing_can_be_signed_in_to_by_who_knows() -> None:
    silent = (challenge('scope="files"'), NOT_FOUND, NOT_FOUND)
    with pytest.raises(ResourceInvalidError, match="has no metadata that says where"):
        await find(*silent)
    assert await find(*silent, issuer=ISSUER.url) == ResourceFound(
        resource=MCP, issuer=ISSUER.url, scopes=("files",)
    )


async def test_a_server_that_wants_no_sign_in_is_told() -> None:
    with pytest.raises(ResourceInvalidError, match="asked for no sign-in"):
        await find(json_response({"result": {}}), NOT_FOUND, NOT_FOUND)


async def test_rfc9728_section_3_3_metadata_of_another_resource_is_not_used() -> None:
    other = json_response({**METADATA, "resource": "https://mcp.example"})
    with pytest.raises(ResourceInvalidError, match="another resource"):
        await find(CHALLENGE, other)
    with pytest.raises(ResourceInvalidError, match="another resource"):
        await find(challenge(), other, other)


async def test_a_redirect_is_told_and_not_followed() -> None:
    moved = HttpResponse(status=307, headers={"location": "https://evil.example/\x1b["})
    with pytest.raises(ResourceInvalidError) as caught:
        await find(moved)
    assert "evil.example" in caught.value.what
    assert "\x1b" not in caught.value.what


@pytest.mark.parametrize(
    "place", ["http://127.0.0.1:8080/m", "http://evil.example/m", "file:///etc/passwd"]
)
async def test_metadata_elsewhere_than_on_the_network_is_asked_of_nobody(
    place: str,
) -> None:
    sender = FakeSender(challenge(f'resource_metadata="{place}"'))
    with pytest.raises(ResourceInvalidError):
        await Resources(sender).find(MCP, account=WORK, issuer=None)
    assert len(sender.requests) == 1


async def test_metadata_that_the_challenge_names_and_that_is_not_there_is_told() -> (
    None
):
    with pytest.raises(ResourceInvalidError, match="HTTP status 404"):
        await find(CHALLENGE, NOT_FOUND)


async def test_a_url_that_is_none_is_asked_of_nobody() -> None:
    for url in ("http://mcp.example/mcp", "mcp.example", "https://mcp.example/#x", ""):
        with pytest.raises(ResourceInvalidError):
            await find(url=url)


async def test_a_server_that_is_ill_is_not_called_invalid() -> None:
    with pytest.raises(IssuerUnreachableError):
        await find(HttpResponse(status=502))
    with pytest.raises(IssuerOverloadedError):
        await find(HttpResponse(status=429))
    with pytest.raises(IssuerUnreachableError):
        await find(IssuerUnreachableError(issuer="x", what="no route"))


async def test_metadata_without_an_issuer_is_told() -> None:
    bare = json_response({"resource": MCP})
    with pytest.raises(ResourceInvalidError, match="names no authorization server"):
        await find(CHALLENGE, bare)
    assert (await find(CHALLENGE, bare, issuer=ISSUER.url)).issuer == ISSUER.url
