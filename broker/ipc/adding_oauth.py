"""The bodies of the kinds that OAuth itself knows. Pure: no network, no clock."""

from pathlib import PurePath

from broker.ipc.wire import Request, parse_body, parse_scopes
from broker.model.account import AccountName
from broker.model.client import Client, ClientCertificate, SigningKey
from broker.model.errors import BadRequestError
from broker.model.issuer import Issuer
from broker.model.secret import Secret
from broker.model.unattended import ClientCredentials, JwtBearer, Unattended
from broker.oauth.client_credentials import check_parameters
from broker.oauth.grammar import is_token, is_vschars
from broker.oauth.jwt_bearer import check_claims
from broker.oauth.private_keys import parse_private_key
from broker.oauth.token_request import parse_resource
from broker.oauth.unattended_client import bare_issuer
from broker.services.adding import Wanted


class KeyBody(Request, frozen=True):
    """A private key: the text of a PEM or a JWK."""

    text: str
    passphrase: str | None = None
    key_id: str | None = None


class CertificateBody(Request, frozen=True):
    """Files that the daemon reads: absolute paths."""

    certificate: str
    key: str | None = None


class _ClientBody(Request, frozen=True, kw_only=True):
    """What the kinds of this file have in common."""

    kind: str
    issuer: str | None = None
    token_endpoint: str | None = None
    client_id: str
    client_secret: str | None = None
    private_key: KeyBody | None = None
    certificate: CertificateBody | None = None
    audience: str | None = None
    secret_in_body: bool = False
    scopes: list[str] | None = None
    resource: str | None = None
    parameters: dict[str, str] | None = None
    replace: bool = False


class ClientCredentialsBody(_ClientBody, frozen=True):
    """`{"kind": "client_credentials", ...}`."""


class JwtBearerBody(_ClientBody, frozen=True, kw_only=True):
    """`{"kind": "jwt_bearer", ...}`: here the key signs the grant, not the client."""

    subject: str
    assertion_issuer: str | None = None
    claims: dict[str, str] | None = None


def client_credentials(name: AccountName, data: bytes) -> Wanted:
    """A client that asks in its own name.

    Raises:
        BadRequestError: a member is missing, or out of its range.
        CredentialFileError: the key cannot be used.
    """
    body = parse_body(data, ClientCredentialsBody)
    shown = (body.client_secret, body.private_key, body.certificate)
    if sum(one is not None for one in shown) != 1:
        what = "give one of client_secret, private_key and certificate"
        raise BadRequestError(what=what)
    key = None if body.private_key is None else signing_key(body.private_key)
    return _wanted(name, body, ClientCredentials(), key)


def jwt_bearer(name: AccountName, data: bytes) -> Wanted:
    """A token for whom a JWT names.

    Raises:
        BadRequestError, CredentialFileError: see `client_credentials`.
    """
    body = parse_body(data, JwtBearerBody)
    if body.private_key is None:
        raise BadRequestError(what="private_key is missing: it signs the JWT")
    if body.client_secret is not None and body.certificate is not None:
        raise BadRequestError(what="give one of client_secret and certificate")
    bearer = JwtBearer(
        key=signing_key(body.private_key),
        issuer=body.assertion_issuer or body.client_id,
        subject=body.subject,
        audience="",  # of the issuer, which is not known yet
        claims=check_claims(body.claims or {}),
    )
    return _wanted(name, body, bearer, None)


def _wanted(
    name: AccountName,
    body: _ClientBody,
    unattended: Unattended,
    client_key: SigningKey | None,
) -> Wanted:
    secret = body.client_secret
    texts = [text for text in (body.client_id, secret) if text is not None]
    if not all(is_vschars(text) for text in texts):
        what = "client_id and client_secret are printable ASCII, and not empty"
        raise BadRequestError(what=what)
    return Wanted(
        name=name,
        issuer=_issuer(body),
        secret_in_body=body.secret_in_body,
        client=Client(
            client_id=body.client_id,
            client_secret=None if secret is None else Secret(secret),
            key=client_key,
            certificate=certificate_of(body.certificate),
        ),
        unattended=unattended,
        scopes=tuple(parse_scopes(body.scopes or ())),
        resource=None if body.resource is None else parse_resource(body.resource),
        parameters=check_parameters(body.parameters or {}),
        audience=assertion_audience(body.audience),
        replace=body.replace,
    )


def assertion_audience(text: str | None) -> str | None:
    """For whom a client signs who it is, or None where nothing was said.

    Raises:
        BadRequestError: it is one for nobody.
    """
    if text is not None and not is_token(text):
        raise BadRequestError(what="audience is a URL, or 'token-endpoint'")
    return text


def _issuer(body: _ClientBody) -> str | Issuer:
    if body.token_endpoint is not None:
        return bare_issuer(body.token_endpoint, body.issuer)
    if body.issuer is None:
        raise BadRequestError(what="name the issuer, or its token_endpoint")
    return body.issuer


def signing_key(body: KeyBody) -> SigningKey:
    """The key.

    Raises:
        CredentialFileError: it cannot be used.
    """
    passphrase = None if body.passphrase is None else Secret(body.passphrase)
    return parse_private_key(
        Secret(body.text), passphrase=passphrase, key_id=body.key_id
    )


def certificate_of(body: CertificateBody | None) -> ClientCertificate | None:
    """Where it lies, or None.

    Raises:
        BadRequestError: a path is not absolute.
    """
    if body is None:
        return None
    paths = [path for path in (body.certificate, body.key) if path is not None]
    if not all(PurePath(path).is_absolute() for path in paths):
        raise BadRequestError(what="the paths of a certificate are absolute")
    return ClientCertificate(certificate=body.certificate, key=body.key)
