"""Which client signs in: in MCP's order, and what each of them is bound to."""

import json

import pytest
from msgspec.structs import replace

from broker.model.account import RedirectChoice
from broker.model.client import Client, ClientAuthentication, Registration
from broker.model.errors import ClientDocumentError, ClientNeededError
from broker.model.grant import Grant
from broker.model.http import HttpResponse
from broker.model.issuer import Issuer, IssuerPreset
from broker.model.secret import Secret
from broker.oauth.client_document import client_document
from broker.services.clients import ClientChosen, Clients, ClientWanted
from tests.fakes.sender import Answer, FakeSender, json_response
from tests.services.signing import registering
from tests.services.world import CLIENT, ISSUER, WORK, a_grant

URL = "https://example.org/brokerd.json"
OPEN = replace(ISSUER, registration_endpoint="https://issuer.example/register")
READS = replace(OPEN, client_id_metadata=True)
DOCUMENT = json_response(client_document(URL, port=20001))
MADE = json_response({"client_id": "made"}, status=201)


async def choose(
    *answers: Answer,
    issuer: Issuer = ISSUER,
    given: Client | None = None,
    stored: Grant | None = None,
    redirect: RedirectChoice | None = None,
    document: str | None = None,
    preset: IssuerPreset | None = None,
) -> ClientChosen:
    sender = FakeSender(*answers)
    clients = Clients(sender=sender, registering=registering(sender), document=document)
    wanted = ClientWanted(
        account=WORK,
        issuer=issuer,
        preset=preset,
        secrets=None,
        given=given,
        redirect=redirect,
        stored=stored,
    )
    return await clients.choose(wanted)


def stored_with(client: Client, issuer: Issuer = OPEN) -> Grant:
    grant = a_grant()
    account = replace(
        grant.account, client=client, issuer=issuer, redirect=RedirectChoice(port=20002)
    )
    return replace(grant, account=account)


OWN = Client(
    client_id="own",
    registration=Registration(redirect_uris=("http://127.0.0.1:20002/",)),
)


async def test_a_given_client_goes_before_everything() -> None:
    given = Client(client_id="given", client_secret=Secret("s"))
    chosen = await choose(issuer=READS, given=given, stored=stored_with(OWN))
    assert chosen.client.client_id == "given"
    assert chosen.client.authentication is ClientAuthentication.BASIC


async def test_a_stored_client_goes_before_a_document() -> None:
    chosen = await choose(issuer=READS, stored=stored_with(CLIENT), document=URL)
    assert chosen == ClientChosen(client=CLIENT)


async def test_a_stored_client_of_ours_keeps_its_address() -> None:
    chosen = await choose(issuer=READS, stored=stored_with(OWN), document=URL)
    assert chosen == ClientChosen(client=OWN, redirect=RedirectChoice(port=20002))


async def test_mcp_authorization_server_binding_no_client_goes_to_another_issuer() -> (
    None
):
    elsewhere = replace(OPEN, url="https://other.example")
    for client in (CLIENT, OWN):
        chosen = await choose(MADE, issuer=elsewhere, stored=stored_with(client))
        assert chosen.client.client_id == "made"


async def test_a_document_goes_before_a_registration() -> None:
    chosen = await choose(DOCUMENT, issuer=READS, document=URL)
    assert chosen == ClientChosen(
        client=Client(client_id=URL),
        redirect=RedirectChoice(uri="http://127.0.0.1:20001/"),
    )


async def test_an_issuer_that_reads_no_documents_is_given_none() -> None:
    chosen = await choose(MADE, issuer=OPEN, document=URL)
    assert chosen.client.client_id == "made"


async def test_a_client_id_that_is_a_document_is_read_where_the_issuer_reads_it() -> (
    None
):
    given = Client(client_id=URL)
    chosen = await choose(DOCUMENT, issuer=READS, given=given)
    assert chosen.redirect == RedirectChoice(uri="http://127.0.0.1:20001/")
    assert await choose(issuer=OPEN, given=given) == ClientChosen(client=given)


async def test_an_address_that_the_person_named_goes_before_the_documents() -> None:
    own = RedirectChoice(port=9)
    chosen = await choose(DOCUMENT, issuer=READS, document=URL, redirect=own)
    assert chosen.redirect == own


@pytest.mark.parametrize(
    "answer",
    [
        HttpResponse(status=404),
        HttpResponse(status=302, headers={"location": URL}),
        HttpResponse(status=200, body=b"<html>"),
        json_response({**json.loads(DOCUMENT.body), "client_id": URL + "x"}),
    ],
)
async def test_a_document_that_the_issuer_would_refuse_is_told_beforehand(
    answer: HttpResponse,
) -> None:
    with pytest.raises(ClientDocumentError):
        await choose(answer, issuer=READS, document=URL)


async def test_a_document_url_that_is_none_is_asked_of_nobody() -> None:
    with pytest.raises(ClientDocumentError):
        await choose(issuer=READS, document="http://127.0.0.1/brokerd.json")


async def test_where_there_is_no_client_and_no_registry_the_person_is_asked() -> None:
    with pytest.raises(ClientNeededError) as caught:
        await choose(issuer=replace(ISSUER, client_id_metadata=True))
    assert caught.value.missing == "client"


async def test_a_client_is_registered_where_its_issuer_is_known_to_send_it_back() -> (
    None
):
    known = IssuerPreset(
        name="known",
        issuer=OPEN.url,
        redirect_host="localhost",
        redirect_port=18484,
    )
    chosen = await choose(MADE, issuer=OPEN, preset=known)
    assert chosen.redirect == RedirectChoice(host="localhost", port=18484)
    own = RedirectChoice(uri="http://127.0.0.1:9/")
    chosen = await choose(MADE, issuer=OPEN, preset=known, redirect=own)
    assert chosen.redirect == own
