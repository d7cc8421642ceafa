"""The body of accounts of Google's. Pure: no network, no clock."""

import msgspec

from broker.ipc.wire import Request, parse_body, parse_scopes
from broker.model.account import AccountName, parse_account_name
from broker.model.client import Client
from broker.model.errors import BadRequestError
from broker.model.google import GoogleCredentials
from broker.oauth.google_boundary import boundary_text, parse_boundary
from broker.oauth.google_credentials import GoogleFile, is_email, parse_google_file
from broker.oauth.google_endpoints import OAUTH_ENDPOINT, google_issuer
from broker.oauth.token_request import parse_resource
from broker.services.adding import Wanted

LONGEST_LIFETIME = 43200
"""Seconds: twelve hours, where an organisation's policy allows more than one."""


class GoogleBody(Request, frozen=True):
    """`{"kind": "google", ...}`."""

    kind: str
    credentials: str | None = None
    parent: str | None = msgspec.field(default=None, name="from")
    subject: str | None = None
    impersonate: str | None = None
    delegates: list[str] | None = None
    lifetime: int | None = None
    boundary: str | None = None
    self_signed: bool = False
    scopes: list[str] | None = None
    resource: str | None = None
    replace: bool = False


def google(name: AccountName, data: bytes) -> Wanted:
    """A credential of Google's.

    Raises:
        BadRequestError: a member is missing, out of its range, or not for the others.
        CredentialFileError: its file is none that can be used.
    """
    body = parse_body(data, GoogleBody)
    if (body.credentials is None) == (body.parent is None):
        raise BadRequestError(what="it has either credentials or from")
    file = None if body.credentials is None else parse_google_file(body.credentials)
    spec = _spec(body, file)
    scopes = tuple(parse_scopes(body.scopes or ()))
    fault = _fault(body, spec, file, scopes)
    if fault is not None:
        raise BadRequestError(what=fault)
    return Wanted(
        name=name,
        issuer=google_issuer(OAUTH_ENDPOINT if file is None else file.token_endpoint),
        client=Client(client_id=_client_id(spec, file)),
        unattended=spec,
        scopes=scopes,
        resource=None if body.resource is None else parse_resource(body.resource),
        replace=body.replace,
    )


def _spec(body: GoogleBody, file: GoogleFile | None) -> GoogleCredentials:
    rules = None if body.boundary is None else parse_boundary(body.boundary)
    becomes, lifetime, url = body.impersonate, body.lifetime, None
    if file is not None:
        url = file.impersonation_url if becomes is None else None
        becomes = becomes or file.impersonate
        lifetime = lifetime or file.lifetime
    return GoogleCredentials(
        file=None if file is None else file.text,
        parent=None if body.parent is None else parse_account_name(body.parent),
        subject=body.subject,
        impersonate=becomes,
        impersonation_url=url,
        delegates=tuple(body.delegates or ()),
        lifetime=lifetime,
        boundary=None if rules is None else boundary_text(rules),
        self_signed=body.self_signed,
    )


def _client_id(spec: GoogleCredentials, file: GoogleFile | None) -> str:
    """What an administrator knows it by."""
    if spec.impersonate is not None:
        return spec.impersonate
    return file.client_id if file is not None else str(spec.parent)


def _fault(
    body: GoogleBody,
    spec: GoogleCredentials,
    file: GoogleFile | None,
    scopes: tuple[str, ...],
) -> str | None:
    """Why these do not go together, or None."""
    becomes, is_key = spec.impersonate is not None, file is not None and file.email
    emails = (*spec.delegates, *filter(None, (spec.impersonate, spec.subject)))
    given = None if file is None else file.impersonate
    checks = (
        (all(map(is_email, emails)), "accounts are named by their e-mail addresses"),
        (given in (None, spec.impersonate), f"the file itself is to become {given}"),
        (becomes or not spec.delegates, "delegates are on the way to impersonate"),
        (becomes or not body.lifetime, "only an impersonated token has a lifetime"),
        (
            body.lifetime is None or 1 <= body.lifetime <= LONGEST_LIFETIME,
            f"lifetime is a number of seconds from 1 to {LONGEST_LIFETIME}",
        ),
        (
            is_key or becomes or spec.subject is None,
            "a subject needs a service account: its key, or impersonate",
        ),
        (
            file is not None or becomes or spec.boundary is not None,
            "from is for something to make of it: impersonate, or a boundary",
        ),
        (
            not spec.self_signed
            or (is_key and not (becomes or spec.subject or spec.boundary)),
            "only a service account's key signs for itself, and nothing else with it",
        ),
        (spec.self_signed or body.resource is None, "only self_signed has a resource"),
        (
            not (scopes and body.resource),
            "a self-signed token is for scopes or for a resource, not for both",
        ),
        (
            scopes or body.resource or not (becomes or file),
            "it needs scopes: a service account has none of its own",
        ),
    )
    return next((what for is_well, what in checks if not is_well), None)
