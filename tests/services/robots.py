"""Accounts without a person, for the tests of what gives them tokens."""

from msgspec.structs import replace

from broker.model.account import AccountName
from broker.model.client import Client, ClientAuthentication
from broker.model.errors import BrokerError
from broker.model.grant import Grant
from broker.model.http import HttpRequest, HttpResponse
from broker.model.secret import Secret
from broker.model.unattended import ClientCredentials, Unattended
from broker.services.adding import Wanted
from tests.fakes.sender import json_response
from tests.services.world import ISSUER, METADATA, World, a_grant

ROBOT = AccountName("robot")
SECRET = Client(
    client_id="robot-1",
    client_secret=Secret("s3cret"),
    authentication=ClientAuthentication.BASIC,
)


def a_wanted(**changes: object) -> Wanted:
    """A client that asks in its own name, with a secret."""
    wanted = Wanted(
        name=ROBOT,
        issuer=ISSUER.url,
        client=replace(SECRET, authentication=ClientAuthentication.NONE),
        unattended=ClientCredentials(),
        scopes=("read", "write"),
    )
    return replace(wanted, **changes)


def a_robot(
    client: Client = SECRET,
    unattended: Unattended = ClientCredentials(),  # noqa: B008 - frozen
    **account: object,
) -> Grant:
    """The grant of one that is saved, with the scopes read and write."""
    grant = a_grant(ROBOT, refresh_token=None, scopes="read write")
    changed = replace(grant.account, client=client, **account)
    return replace(grant, account=changed, unattended=unattended)


def answering(
    world: World,
    *answers: HttpResponse | BrokerError,
    metadata: dict[str, object] = METADATA,
) -> list[HttpRequest]:
    """An issuer that publishes its metadata, and answers so at its token endpoint.

    Args:
        world: whose issuer.
        answers: in their order; the last for ever.
        metadata: that it publishes.

    Returns:
        The requests to its token endpoint, as they come.
    """
    asked: list[HttpRequest] = []

    def issuer(request: HttpRequest) -> HttpResponse:
        if request.method == "GET":
            return json_response(metadata)
        asked.append(request)
        answer = answers[min(len(asked), len(answers)) - 1]
        if isinstance(answer, BrokerError):
            raise answer
        return answer

    world.sender.answer_always(issuer)
    return asked
