"""Sign-ins that come from other tools, and that go there again, on the socket.

Pure: no network, no clock. The shapes are those of clients/PROTOCOL.md.
"""

from broker.ipc.wire import Request, parse_scopes
from broker.model.account import AccountName, parse_account_name
from broker.model.client import Client
from broker.model.errors import BadRequestError
from broker.model.grant import Grant
from broker.model.secret import Secret
from broker.services.foreign_sign_in import Foreign, TakenOver


class ForeignBody(Request, frozen=True):
    """`POST /v1/accounts`."""

    account: str
    client_id: str
    issuer: str | None = None
    token_endpoint: str | None = None
    mcp: str | None = None
    client_secret: str | None = None
    refresh_token: str | None = None
    access_token: str | None = None
    scopes: list[str] | None = None


class ExportBody(Request, frozen=True):
    """`POST /v1/accounts/NAME/export`."""

    account: str


def foreign_grant(body: ForeignBody) -> Foreign:
    """The sign-in that is to be taken over.

    Raises:
        BadRequestError: a member is missing, or out of its range.
    """
    if not (body.issuer or body.token_endpoint or body.mcp):
        raise BadRequestError(
            what="name the issuer, its token_endpoint or an mcp server"
        )
    if (body.refresh_token is None) == (body.access_token is None):
        raise BadRequestError(what="give refresh_token or access_token, one of them")
    if "" in (body.client_id, body.refresh_token, body.access_token):
        raise BadRequestError(what="a client_id or a token is empty")
    return Foreign(
        account=parse_account_name(body.account),
        issuer=body.issuer,
        token_endpoint=body.token_endpoint,
        client=Client(
            client_id=body.client_id, client_secret=_secret(body.client_secret)
        ),
        refresh_token=_secret(body.refresh_token),
        access_token=_secret(body.access_token),
        scopes=tuple(parse_scopes(body.scopes)) if body.scopes else (),
        mcp=body.mcp,
    )


def taken_over_reply(taken: TakenOver) -> dict[str, object]:
    """Answer of `POST /v1/accounts`."""
    grant = taken.grant
    return {
        "account": grant.account.name,
        "issuer": grant.account.issuer.url,
        "scopes": sorted(grant.scopes),
        "refreshable": grant.refresh_token is not None,
        "rotated": taken.is_rotated,
        "notes": list(taken.notes),
    }


def require_meant(name: AccountName, body: ExportBody) -> None:
    """See that the account is named twice: nobody gives a refresh token away by chance.

    Raises:
        BadRequestError: the body names another one.
    """
    if body.account != name:
        raise BadRequestError(what="the body must name the account of the path again")


def export_reply(grant: Grant) -> dict[str, object]:
    """Answer of `POST /v1/accounts/NAME/export`: the only one with a refresh token."""
    account = grant.account
    access = grant.access_token.value if grant.access_token else None
    return {
        "account": account.name,
        "issuer": account.issuer.url,
        "token_endpoint": account.issuer.token_endpoint,
        "client_id": account.client.client_id,
        "client_secret": _revealed(account.client.client_secret),
        "refresh_token": _revealed(grant.refresh_token),
        "access_token": None if grant.refresh_token else _revealed(access),
        "scopes": sorted(grant.scopes),
    }


def _secret(text: str | None) -> Secret | None:
    return None if text is None else Secret(text)


def _revealed(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()
