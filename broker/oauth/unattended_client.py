"""How a client without a person is to prove itself at an issuer. Knows no message."""

import msgspec
from msgspec.structs import replace

from broker.model.client import Client, ClientAuthentication
from broker.model.issuer import Issuer
from broker.model.unattended import JwtBearer, Unattended
from broker.oauth.client_authentication import choose_authentication
from broker.oauth.endpoints import check_endpoint, parse_issuer_url
from broker.oauth.private_keys import fitted

TOKEN_ENDPOINT = "token-endpoint"  # noqa: S105 - a word of the person's


def with_authentication(client: Client, issuer: Issuer, *, audience: str) -> Client:
    """The client with the way in which it proves itself at this issuer.

    Args:
        client: with its secret, its key or its certificate; one of them at most.
        issuer: where.
        audience: for whom it signs who it is.

    Raises:
        CredentialFileError: the issuer takes no algorithm of its key.
    """
    methods = issuer.authentication_methods
    if client.key is not None:
        return replace(
            client,
            key=fitted(client.key, issuer.assertion_algorithms, issuer.url),
            audience=audience,
            authentication=ClientAuthentication.PRIVATE_KEY_JWT,
        )
    if client.certificate is not None:
        self_signed = ClientAuthentication.SELF_SIGNED_TLS
        is_known = ClientAuthentication.TLS.value not in methods
        is_self_signed = is_known and self_signed.value in methods
        method = self_signed if is_self_signed else ClientAuthentication.TLS
        return replace(client, authentication=method)
    has_secret = client.client_secret is not None
    method = choose_authentication(methods, has_secret=has_secret)
    return replace(client, authentication=method)


def proving(
    client: Client, issuer: Issuer, *, named: str | None, secret_in_body: bool
) -> Client:
    """The client as the person wants it to prove itself at this issuer.

    Args:
        client: see `with_authentication`, which raises the same.
        issuer: where.
        named: for whom it signs who it is; see `audience_at`.
        secret_in_body: whether a secret must not be in the header, whatever the issuer
            says.
    """
    found = with_authentication(client, issuer, audience=audience_at(issuer, named))
    if secret_in_body and client.client_secret is not None:
        return replace(found, authentication=ClientAuthentication.POST)
    return found


def audience_at(issuer: Issuer, named: str | None) -> str:
    """For whom a JWT is, from what the person said.

    Args:
        issuer: that is to read it.
        named: an audience, `TOKEN_ENDPOINT`, or None for the issuer's own URL: an
            issuer that calls another's token endpoint its own could use there what is
            signed for that. RFC 7523 section 3 leaves the choice.
    """
    if named == TOKEN_ENDPOINT:
        return issuer.token_endpoint
    return issuer.url if named is None else named


def asked_with(client: Client, issuer: Issuer) -> Issuer:
    """The issuer as this client asks it: with a certificate, in places of their own."""
    if client.certificate is None:
        return issuer
    return replace(
        issuer,
        token_endpoint=issuer.mtls_token_endpoint or issuer.token_endpoint,
        revocation_endpoint=issuer.mtls_revocation_endpoint
        or issuer.revocation_endpoint,
    )


def at_issuer(unattended: Unattended, audience: str) -> Unattended:
    """How tokens come, with whatever that needs to know of the issuer.

    Args:
        unattended: as the person wants it.
        audience: for whom JWTs are.
    """
    if isinstance(unattended, JwtBearer):
        return msgspec.structs.replace(unattended, audience=audience)
    return unattended


def bare_issuer(token_endpoint: str, url: str | None = None) -> Issuer:
    """One that publishes no metadata.

    Args:
        token_endpoint: where it gives tokens.
        url: by which it is known here; None for the endpoint without its query.

    Raises:
        IssuerInvalidError: no secret and no token is to be sent there.
    """
    url = parse_issuer_url(url or token_endpoint.partition("?")[0])
    endpoint = check_endpoint(token_endpoint, issuer=url, name="token endpoint")
    return Issuer(url=url, authorization_endpoint="", token_endpoint=endpoint)
