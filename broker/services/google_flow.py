"""Google's credentials as google-auth's own objects, and what is asked of them.

All of it runs in a thread of its own: google-auth waits. Knows no grant.
"""

import json

import msgspec
from google.auth import (
    credentials,
    downscoped,
    identity_pool,
    impersonated_credentials,
    jwt,
)
from google.auth.exceptions import RefreshError
from google.oauth2 import service_account

from broker.model.google import GoogleCredentials
from broker.model.secret import Secret
from broker.model.strict_json import parse_json
from broker.model.time import UnixTime
from broker.oauth.google_boundary import Rule, parse_boundary
from broker.oauth.google_credentials import SERVICE_ACCOUNT
from broker.oauth.google_endpoints import (
    GENERATE_ACCESS,
    GENERATE_ID,
    OAUTH_ENDPOINT,
    SIGN_JWT,
    STS_ENDPOINT,
    iam_endpoint,
)
from broker.oauth.google_sources import AWS
from broker.oauth.grammar import is_token
from broker.services.aws_tokens import AwsTokens
from broker.services.google_door import Endpoints
from broker.services.google_transport import LoopRequest
from broker.services.workload_tokens import WorkloadTokens, source_of, source_urls

_IAM_SCOPE = "https://www.googleapis.com/auth/iam"
_JSON = {"Content-Type": "application/json"}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A token that is wanted.

    Attributes:
        spec: of which credential.
        scopes: of the access token.
        audience: of a self-signed one, or of an ID token; else None.
        at: now, on the wall clock.
    """

    spec: GoogleCredentials
    at: UnixTime
    scopes: tuple[str, ...] = ()
    audience: str | None = None


def endpoints_of(spec: GoogleCredentials) -> Endpoints:
    """Everywhere that this credential may be sent."""
    file = {} if spec.file is None else _file(spec)
    names = ("token_uri", "token_url")
    tokens = {str(file[name]) for name in names if name in file}
    iam: set[str] = set()
    if spec.impersonate is not None:
        email = spec.impersonate
        iam = {iam_endpoint(email, SIGN_JWT), iam_endpoint(email, GENERATE_ID)}
        iam.add(spec.impersonation_url or iam_endpoint(email, GENERATE_ACCESS))
        # Where google-auth exchanges what was signed in a person's name.
        tokens |= {OAUTH_ENDPOINT} if spec.subject is not None else set()
    if spec.boundary is not None:
        tokens.add(STS_ENDPOINT)
    return Endpoints(
        tokens=frozenset(tokens),
        iam=frozenset(iam),
        sources=frozenset(source_urls(source_of(file))),
    )


def has_key(spec: GoogleCredentials) -> bool:
    """Whether it is a service account's key."""
    return _file(spec).get("type") == SERVICE_ACCOUNT


def access_token(wanted: Wanted, parent: Secret | None, request: LoopRequest) -> Secret:
    """A new access token.

    Args:
        wanted: what is wanted.
        parent: the token of the account that it begins with, or None.
        request: of this conversation alone.

    Raises:
        GoogleAuthError: the conversation ended early: `request.fault` says why.
        WorkloadFileError: the workload's own token is not where it should be.
    """
    made = (
        _self_signed(wanted)
        if wanted.spec.self_signed
        else _credentials(wanted, parent)
    )
    # `refresh` alone: `before_request` would begin a thread of google-auth's own, which
    # asks Google in which regions the token may be used.
    made.refresh(request)
    return _token(made)


def id_token(wanted: Wanted, parent: Secret | None, request: LoopRequest) -> Secret:
    """A new ID token for `wanted.audience`; the rest is as for `access_token`."""
    spec = wanted.spec
    if spec.impersonate is None:
        made = service_account.IDTokenCredentials.from_service_account_info(
            _file(spec), target_audience=wanted.audience
        )
        made.refresh(request)
        return _token(made)
    source = _source(wanted, parent, (_IAM_SCOPE,))
    return _impersonated_id_token(wanted, spec.impersonate, source, request)


def _impersonated_id_token(
    wanted: Wanted,
    email: str,
    source: credentials.Credentials,
    request: LoopRequest,
) -> Secret:
    """google-auth's own way to it needs `requests`; the request is the same."""
    source.refresh(request)
    headers = {"Authorization": f"Bearer {_token(source).reveal()}", **_JSON}
    body = {
        "audience": wanted.audience,
        "delegates": list(wanted.spec.delegates),
        "includeEmail": True,
    }
    url = iam_endpoint(email, GENERATE_ID)
    answer = request(url, "POST", json.dumps(body).encode(), headers)
    members = parse_json(answer.data)
    return _secret(members.get("token") if isinstance(members, dict) else None)


def _credentials(wanted: Wanted, parent: Secret | None) -> credentials.Credentials:
    spec = wanted.spec
    made = _source(wanted, parent, wanted.scopes)
    if spec.impersonate is not None:
        made = impersonated_credentials.Credentials(
            source_credentials=made,
            target_principal=spec.impersonate,
            target_scopes=list(wanted.scopes),
            delegates=list(spec.delegates),
            subject=spec.subject,
            lifetime=spec.lifetime,
            iam_endpoint_override=spec.impersonation_url
            or iam_endpoint(spec.impersonate, GENERATE_ACCESS),
        )
    if spec.boundary is not None:
        rules = [_rule(rule) for rule in parse_boundary(spec.boundary)]
        boundary = downscoped.CredentialAccessBoundary(rules)
        made = downscoped.Credentials(made, boundary)
    return made


def _source(
    wanted: Wanted, parent: Secret | None, scopes: tuple[str, ...]
) -> credentials.Credentials:
    """What it begins with."""
    spec = wanted.spec
    if parent is not None:
        return _Given(parent)
    info = _file(spec)
    if info["type"] == SERVICE_ACCOUNT:
        made = service_account.Credentials.from_service_account_info(
            info,
            scopes=list(scopes),
            # Else Google is asked for it in the name of the one that is impersonated.
            subject=None if spec.impersonate else spec.subject,
        )
        return _typed(made)
    source = source_of(info)
    del info["credential_source"]
    supplier = (
        AwsTokens(source, str(info["audience"]))
        if AWS in source
        else WorkloadTokens(source, wanted.at)
    )
    made = identity_pool.Credentials.from_info(
        info,
        subject_token_supplier=supplier,
        scopes=list(scopes),
    )
    return _typed(made)


def _self_signed(wanted: Wanted) -> credentials.Credentials:
    """Signed here; nobody is asked (https://google.aip.dev/auth/4111)."""
    info = _file(wanted.spec)
    if wanted.audience is None:
        made = service_account.Credentials.from_service_account_info(
            info, scopes=list(wanted.scopes)
        )
        return _typed(made.with_always_use_jwt_access(True))
    made = jwt.Credentials.from_service_account_info(info, audience=wanted.audience)
    return _typed(made)


def _typed(made: object) -> credentials.Credentials:
    """google-auth does not say what its constructors give."""
    if not isinstance(made, credentials.Credentials):
        raise TypeError(type(made).__name__)
    return made


def _rule(rule: Rule) -> downscoped.AccessBoundaryRule:
    when = rule.availability_condition
    return downscoped.AccessBoundaryRule(
        available_resource=rule.available_resource,
        available_permissions=list(rule.available_permissions),
        availability_condition=when
        and downscoped.AvailabilityCondition(
            when.expression, title=when.title, description=when.description
        ),
    )


class _Given(credentials.Credentials):
    """A token of another account, as it is."""

    def __init__(self, token: Secret) -> None:
        super().__init__()
        self.token = token.reveal()

    def refresh(self, _: object) -> None:
        """Nothing: it was fresh when this began."""


def _file(spec: GoogleCredentials) -> dict[str, object]:
    text = "{}" if spec.file is None else spec.file.reveal()
    info: dict[str, object] = json.loads(text)
    return info


def _token(made: credentials.Credentials) -> Secret:
    value = made.token
    return _secret(value.decode() if isinstance(value, bytes) else value)


def _secret(value: object) -> Secret:
    # One word of a header line: it must not bring another line with it.
    if not isinstance(value, str) or not is_token(value):
        raise RefreshError("there is no token in the answer")
    return Secret(value)
