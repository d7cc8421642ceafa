"""The bodies of accounts that are made of others. Pure: no network, no clock."""

import msgspec

from broker.ipc.adding_oauth import (
    CertificateBody,
    KeyBody,
    assertion_audience,
    certificate_of,
    signing_key,
)
from broker.ipc.wire import Request, parse_body, parse_scopes
from broker.model.account import AccountName, parse_account_name
from broker.model.client import Client
from broker.model.errors import BadRequestError
from broker.model.secret import Secret
from broker.model.unattended import TokenExchange, View
from broker.oauth.client_credentials import check_parameters
from broker.oauth.grammar import is_vschars
from broker.oauth.token_exchange import check_own, requested_type, subject_type
from broker.oauth.token_request import parse_resource
from broker.services.deriving import ExchangeWanted, ViewWanted


class ViewBody(Request, frozen=True):
    """`{"kind": "view", "from": str, ...}`."""

    kind: str
    parent: str = msgspec.field(name="from")
    scopes: list[str] | None = None
    resource: str | None = None
    allow_wider: bool = False
    replace: bool = False


class TokenExchangeBody(Request, frozen=True):
    """`{"kind": "token_exchange", "from": str, ...}`."""

    kind: str
    parent: str = msgspec.field(name="from")
    issuer: str | None = None
    token_endpoint: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    private_key: KeyBody | None = None
    certificate: CertificateBody | None = None
    audience: str | None = None
    secret_in_body: bool = False
    scopes: list[str] | None = None
    resource: str | None = None
    audiences: list[str] | None = None
    requested_token_type: str | None = None
    subject_token_type: str | None = None
    parameters: dict[str, str] | None = None
    replace: bool = False


def view(name: AccountName, data: bytes) -> ViewWanted:
    """Part of what another account may do.

    Raises:
        BadRequestError: a member is missing, or out of its range.
    """
    body = parse_body(data, ViewBody)
    if not body.scopes and body.resource is None:
        raise BadRequestError(what="a view needs scopes or a resource to be narrower")
    return ViewWanted(
        name=name,
        view=View(parent=parse_account_name(body.parent), wider=body.allow_wider),
        scopes=tuple(parse_scopes(body.scopes or ())),
        resource=None if body.resource is None else parse_resource(body.resource),
        replace=body.replace,
    )


def token_exchange(name: AccountName, data: bytes) -> ExchangeWanted:
    """One that shows another account's token for its own.

    Raises:
        BadRequestError: a member is missing, or out of its range.
    """
    body = parse_body(data, TokenExchangeBody)
    if body.issuer is not None and body.token_endpoint is not None:
        raise BadRequestError(what="name an issuer or a token_endpoint, not both")
    audiences = tuple(body.audiences or ())
    if not all(is_vschars(audience) for audience in audiences):
        raise BadRequestError(what="an audience is printable ASCII, and not empty")
    exchange = TokenExchange(
        parent=parse_account_name(body.parent),
        subject_type=subject_type(body.subject_token_type),
        requested_type=requested_type(body.requested_token_type),
        audiences=audiences,
    )
    return ExchangeWanted(
        name=name,
        exchange=exchange,
        issuer=body.issuer,
        token_endpoint=body.token_endpoint,
        client=_client(body),
        scopes=tuple(parse_scopes(body.scopes or ())),
        resource=None if body.resource is None else parse_resource(body.resource),
        parameters=check_own(check_parameters(body.parameters or {})),
        audience=assertion_audience(body.audience),
        secret_in_body=body.secret_in_body,
        replace=body.replace,
    )


def _client(body: TokenExchangeBody) -> Client | None:
    client_id, secret = body.client_id, body.client_secret
    shown = (secret, body.private_key, body.certificate)
    count = sum(one is not None for one in shown)
    if client_id is None:
        if count:
            raise BadRequestError(what="what a client shows is of a client_id")
        return None
    if count > 1:
        what = "give one of client_secret, private_key and certificate"
        raise BadRequestError(what=what)
    if not is_vschars(client_id) or not (secret is None or is_vschars(secret)):
        what = "client_id and client_secret are printable ASCII, and not empty"
        raise BadRequestError(what=what)
    return Client(
        client_id=client_id,
        client_secret=None if secret is None else Secret(secret),
        key=None if body.private_key is None else signing_key(body.private_key),
        certificate=certificate_of(body.certificate),
    )
