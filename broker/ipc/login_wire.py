"""Logins on the socket, as typed values. Pure: no network, no clock.

The shapes are those of clients/PROTOCOL.md.
"""

from collections.abc import Mapping, Sequence

from broker.ipc.wire import Request, parse_scopes
from broker.model.account import AccountName, RedirectChoice, parse_account_name
from broker.model.client import Client
from broker.model.errors import BadRequestError, NotPermittedError
from broker.model.redirect import ResponseMode
from broker.model.restriction import Restriction
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.model.way import Way
from broker.oauth.device import DevicePrompt
from broker.oauth.token_request import parse_resource
from broker.services.login import Login, LoginState
from broker.services.logins import Started
from broker.services.sign_in import SignInRequest
from broker.services.way_in import DEFAULT_TIMEOUT, LONGEST_TIMEOUT, LoginOptions

LONGEST_WAIT = Seconds(60)
"""Of a long poll, in seconds."""


class RedirectBody(Request, frozen=True):
    """`redirect` of `POST /v1/logins`."""

    host: str | None = None
    bind: str | None = None
    port: int | None = None
    uri: str | None = None
    mode: ResponseMode | None = None


class LoginBody(Request, frozen=True):
    """`POST /v1/logins`."""

    account: str
    issuer: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    client_secrets: str | None = None
    scopes: list[str] | None = None
    add_scopes: tuple[str, ...] = ()
    parameters: dict[str, str] | None = None
    login_hint: str | None = None
    redirect: RedirectBody | None = None
    dpop: bool | None = None
    mcp: str | None = None
    resource: str | None = None
    way: Way = Way.LOOPBACK
    again: bool = False
    other_person: bool = False
    accept_issuer: bool = False
    success_message: str | None = None
    timeout: float | None = None


class ResponseBody(Request, frozen=True):
    """`POST /v1/logins/ID/response`."""

    pasted: str


def sign_in_request(body: LoginBody) -> SignInRequest:
    """The sign-in that a person typed.

    Raises:
        BadRequestError: a member is out of its range, or contradicts another.
    """
    if body.client_secrets is not None and body.client_id is not None:
        raise BadRequestError(what="give client_secrets or client_id, not both")
    if body.client_secret is not None and body.client_id is None:
        raise BadRequestError(what="a client_secret needs its client_id")
    if body.resource is not None and body.mcp is not None:
        raise BadRequestError(what="an MCP server is the resource: give mcp alone")
    secret, file = body.client_secret, body.client_secrets
    client = None
    if body.client_id is not None:
        client = Client(
            client_id=body.client_id,
            client_secret=None if secret is None else Secret(secret),
        )
    return SignInRequest(
        account=parse_account_name(body.account),
        issuer=body.issuer,
        client=client,
        client_secrets=None if file is None else Secret(file),
        scopes=None if body.scopes is None else tuple(parse_scopes(body.scopes)),
        add_scopes=tuple(parse_scopes(body.add_scopes)),
        accept_issuer=body.accept_issuer,
        parameters=body.parameters,
        login_hint=body.login_hint,
        redirect=None if body.redirect is None else _redirect(body.redirect),
        redirect_named=_redirect_named(body.redirect),
        dpop=body.dpop,
        mcp=body.mcp,
        resource=None if body.resource is None else parse_resource(body.resource),
    )


def login_options(body: LoginBody) -> LoginOptions:
    """How this one login goes.

    Raises:
        BadRequestError: the time-out is out of its range.
    """
    # A device code says itself how long it is good for.
    default = LONGEST_TIMEOUT if body.way is Way.DEVICE else DEFAULT_TIMEOUT
    timeout = default if body.timeout is None else Seconds(body.timeout)
    if not 0 < timeout <= LONGEST_TIMEOUT:
        raise BadRequestError(what="timeout is a number of seconds from 1 to 3600")
    return LoginOptions(
        way=body.way,
        again=body.again,
        other_person=body.other_person,
        timeout=timeout,
        success_message=body.success_message,
    )


def restricted_account(body: LoginBody, restriction: Restriction) -> AccountName:
    """Whose sign-in a peer of a restricted socket may repeat with this.

    Raises:
        NotPermittedError: it is not one of the socket's, or the body names anything
            else: which issuer, client, person or way is not for whoever is there.
    """
    plain = LoginBody(account=body.account)
    for name in body.__struct_fields__:
        if getattr(body, name) != getattr(plain, name):
            raise NotPermittedError(
                what=f"{name!r} in a sign-in through {restriction.name!r}"
            )
    account = parse_account_name(body.account)
    if account not in restriction.accounts:
        raise NotPermittedError(
            what=f"a sign-in of {account!r} through {restriction.name!r}"
        )
    return account


def begun_elsewhere(started: Started) -> dict[str, object]:
    """Answer of `POST /v1/logins` on a restricted socket."""
    return {**_pending_elsewhere(started.login), "joined": started.joined}


def logins_elsewhere(logins: Sequence[Login]) -> dict[str, object]:
    """Answer of `GET /v1/logins` on a restricted socket."""
    return {"logins": [_pending_elsewhere(login) for login in logins]}


def login_elsewhere(login: Login, restriction: Restriction) -> dict[str, object]:
    """Answer of `GET /v1/logins/ID` on a restricted socket, without its `problem`.

    Of what was granted the peer learns no more than it may have.
    """
    granted, most = login.granted, restriction.scopes
    return {
        **login_reply(login),
        "scopes": sorted(granted if most is None else granted & most),
        "missing_scopes": [],
        "extra_scopes": [],
        "notes": [],
    }


def _pending_elsewhere(login: Login) -> dict[str, object]:
    # The person's browser is not where the peer is. With the URL it could answer in the
    # person's place, with an account of its own.
    return {
        "id": login.login_id,
        "account": login.account,
        "way": login.way.value,
        "state": "pending",
        "authorization_url": None,
        "redirect_uri": None,
        "elsewhere": True,
        "expires_at": login.expires_at,
        "notes": [],
    }


def login_begun(started: Started) -> dict[str, object]:
    """Answer of `POST /v1/logins`."""
    return {**_pending(started.login), "joined": started.joined}


def _pending(login: Login) -> dict[str, object]:
    return {
        "id": login.login_id,
        "account": login.account,
        "way": login.way.value,
        "state": "pending",
        # A device code has neither.
        "authorization_url": login.authorization_url or None,
        "redirect_uri": login.redirect_uri or None,
        **({} if login.device is None else {"device": _device(login, login.device)}),
        "expires_at": login.expires_at,
        "notes": list(login.notes),
        **({} if login.socket is None else {"socket": login.socket}),
    }


def _device(login: Login, prompt: DevicePrompt) -> dict[str, object]:
    account = login.sign_in.account
    return {
        # So that whoever enters the code sees what he agrees to.
        "issuer": account.issuer.url,
        "client_id": account.client.client_id,
        "scopes": list(account.scopes),
        "user_code": prompt.user_code,
        "verification_uri": prompt.verification_uri,
        "verification_uri_complete": prompt.verification_uri_complete,
        "expires_at": login.expires_at,
    }


def logins_reply(logins: Sequence[Login]) -> dict[str, object]:
    """Answer of `GET /v1/logins`."""
    return {"logins": [_pending(login) for login in logins]}


def login_reply(login: Login) -> dict[str, object]:
    """Answer of `GET /v1/logins/ID`, without its `problem`."""
    granted = login.granted
    asked = frozenset(login.sign_in.account.scopes)
    if login.is_refreshable:
        asked -= _TOLD_BY_REFRESH_TOKEN
    is_complete = login.state is LoginState.COMPLETE
    return {
        "id": login.login_id,
        "account": login.account,
        "state": _LOGIN_STATES[login.state],
        "scopes": sorted(granted),
        "missing_scopes": sorted(asked - granted) if is_complete else [],
        "extra_scopes": sorted(granted - asked) if is_complete else [],
        "refreshable": login.is_refreshable,
        "notes": list(login.notes),
    }


# Microsoft never lists it among what was granted: the refresh token is the answer.
_TOLD_BY_REFRESH_TOKEN = frozenset({"offline_access"})

_LOGIN_STATES = {
    LoginState.AWAITING: "pending",
    LoginState.REDEEMING: "pending",
    LoginState.COMPLETE: "complete",
    LoginState.FAILED: "failed",
}


def parse_wait(query: Mapping[str, str]) -> Seconds:
    """`wait` of a long poll, in seconds; 0 where it is left out.

    Raises:
        BadRequestError: not a number from 0 to 60, or anything else in the query.
    """
    try:
        wait = float(query.get("wait", "0")) if set(query) <= {"wait"} else -1.0
    except ValueError:
        wait = -1.0
    if not 0 <= wait <= LONGEST_WAIT:
        raise BadRequestError(what="the query takes wait: seconds from 0 to 60")
    return Seconds(wait)


def _redirect(body: RedirectBody) -> RedirectChoice:
    port, mode = body.port or 0, body.mode or ResponseMode.QUERY
    if not 0 <= port <= 65535:  # noqa: PLR2004 - TCP's last port
        raise BadRequestError(what="port is a number from 0 to 65535")
    if body.uri is not None and (body.host is not None or port):
        raise BadRequestError(what="a redirect URI says host and port itself")
    return RedirectChoice(
        host=body.host, bind=body.bind, port=port, uri=body.uri, mode=mode
    )


def _redirect_named(body: RedirectBody | None) -> frozenset[str]:
    names = ("host", "bind", "port", "uri", "mode")
    return frozenset(name for name in names if getattr(body, name, None) is not None)
