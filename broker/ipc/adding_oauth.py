"""The bodies of the kinds that OAuth itself knows. Pure: no network, no clock."""

from broker.ipc.wire import Request, parse_body, parse_scopes
from broker.model.account import AccountName
from broker.model.client import Client
from broker.model.errors import BadRequestError
from broker.model.secret import Secret
from broker.model.unattended import ClientCredentials
from broker.oauth.client_credentials import check_parameters
from broker.oauth.grammar import is_vschars
from broker.oauth.token import parse_resource
from broker.services.adding import Wanted


class ClientCredentialsBody(Request, frozen=True):
    """`{"kind": "client_credentials", ...}`."""

    kind: str
    issuer: str
    client_id: str
    client_secret: str
    scopes: list[str] | None = None
    resource: str | None = None
    parameters: dict[str, str] | None = None
    replace: bool = False


def client_credentials(name: AccountName, data: bytes) -> Wanted:
    """A client that asks in its own name.

    Raises:
        BadRequestError: a member is missing, or out of its range.
    """
    body = parse_body(data, ClientCredentialsBody)
    if not is_vschars(body.client_id) or not is_vschars(body.client_secret):
        what = "client_id and client_secret are printable ASCII, and not empty"
        raise BadRequestError(what=what)
    return Wanted(
        name=name,
        issuer=body.issuer,
        client=Client(
            client_id=body.client_id, client_secret=Secret(body.client_secret)
        ),
        unattended=ClientCredentials(),
        scopes=tuple(parse_scopes(body.scopes or ())),
        resource=None if body.resource is None else parse_resource(body.resource),
        parameters=check_parameters(body.parameters or {}),
        replace=body.replace,
    )
