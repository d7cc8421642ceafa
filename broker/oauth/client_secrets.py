"""The client_secret.json of Google's console, `installed` and `web`. Knows no files."""

import re
from typing import Literal

import msgspec

from broker.model.client import Client
from broker.model.errors import ClientSecretsError
from broker.model.secret import Secret
from broker.model.strict_json import parse_json
from broker.oauth.client_authentication import choose_authentication
from broker.oauth.endpoints import url_fault
from broker.oauth.grammar import is_vschars
from broker.oauth.metadata import RFC_8414_DEFAULT_METHODS

MAX_CHARACTERS = 65536

Kind = Literal["installed", "web"]

# What people have lying beside it, by the member `type`.
_OTHER_FILES = {
    "service_account": "it is a service-account key",
    "authorized_user": "it holds a person's own credentials (authorized_user), "
    "as `gcloud auth application-default login` writes them",
    "external_account": "it is a workload identity configuration (external_account)",
    "external_account_authorized_user": "it holds a person's own credentials "
    "(external_account_authorized_user), as gcloud writes them",
    "impersonated_service_account": "it is an impersonated service account's file",
    "gdch_service_account": "it is a service-account key",
}

# What people paste instead of it, by its look.
_OTHER_TEXTS = (
    (re.compile(r"AIza[0-9A-Za-z_-]{35}"), "it is an API key"),
    (re.compile(r"GOCSPX-\S+"), "it is a client secret, not the file that holds it"),
    (
        re.compile(r"\S+\.apps\.googleusercontent\.com"),
        "it is a client id, not the file that holds it",
    ),
    (re.compile(r"-----BEGIN .*", re.DOTALL), "it is a key or a certificate"),
)


class ClientSecrets(msgspec.Struct, frozen=True, kw_only=True):
    """One registration, as the file says it.

    Attributes:
        client: authenticates by the default of RFC 8414 until the issuer's own
            methods are known.
        authorization_endpoint: `auth_uri`, checked.
        token_endpoint: `token_uri`, checked.
        kind: the section: a desktop app or a web app.
        redirect_uris: as registered; a web app may use no others.
    """

    client: Client
    authorization_endpoint: str
    token_endpoint: str
    kind: Kind
    redirect_uris: tuple[str, ...]


def parse_client_secrets(text: str) -> ClientSecrets:
    """The registration in a client_secret.json.

    Args:
        text: `{"installed" or "web": {"client_id": str, "client_secret"?: str,
            "auth_uri": str, "token_uri": str, "redirect_uris"?: [str], ...}}`.
            Where both sections are there, `web` is taken, as Google's libraries do.

    Raises:
        ClientSecretsError: it is something else; `what` says what, and never quotes.
    """
    file = _object(text)
    kind: Kind = "web" if "web" in file else "installed"
    section = file.get(kind)
    if section is None:
        raise ClientSecretsError(what=_other_file(file))
    if not isinstance(section, dict):
        raise ClientSecretsError(what=f"its section '{kind}' is not an object")
    has_secret = section.get("client_secret") is not None
    secret = Secret(_text(section, kind, "client_secret")) if has_secret else None
    return ClientSecrets(
        client=Client(
            client_id=_text(section, kind, "client_id"),
            client_secret=secret,
            authentication=choose_authentication(
                RFC_8414_DEFAULT_METHODS, has_secret=has_secret
            ),
        ),
        authorization_endpoint=_endpoint(section, kind, "auth_uri"),
        token_endpoint=_endpoint(section, kind, "token_uri"),
        kind=kind,
        redirect_uris=_redirect_uris(section, kind),
    )


def _object(text: str) -> dict[str, object]:
    if len(text) > MAX_CHARACTERS:
        raise ClientSecretsError(what=f"it has more than {MAX_CHARACTERS} characters")
    text = text.removeprefix("\ufeff").strip()  # the BOM of Windows editors
    for look, what in _OTHER_TEXTS:
        if look.fullmatch(text):
            raise ClientSecretsError(what=what)
    try:
        value = parse_json(text.encode(errors="surrogatepass"))
    except ValueError as exc:
        raise ClientSecretsError(what=f"it is no JSON ({exc})") from None
    if not isinstance(value, dict):
        raise ClientSecretsError(what="it is not a JSON object")
    return value


def _other_file(file: dict[str, object]) -> str:
    kind = file.get("type")
    if isinstance(kind, str) and kind in _OTHER_FILES:
        return _OTHER_FILES[kind]
    if "refresh_token" in file:
        return "it holds tokens that another program saved"
    if "client_id" in file:
        return "its members stand outside of a section 'installed' or 'web'"
    return "it has no section 'installed' or 'web'"


def _text(section: dict[str, object], kind: Kind, name: str) -> str:
    value = section.get(name)
    if value is None:
        raise ClientSecretsError(what=f"'{name}' is missing in its section '{kind}'")
    if not isinstance(value, str) or not is_vschars(value):
        raise ClientSecretsError(
            what=f"its '{name}' is not a string of ASCII characters"
        )
    return value


def _endpoint(section: dict[str, object], kind: Kind, name: str) -> str:
    url = _text(section, kind, name)
    fault = url_fault(url)
    if fault is not None:
        raise ClientSecretsError(what=f"its '{name}' {fault}")
    return url


def _redirect_uris(section: dict[str, object], kind: Kind) -> tuple[str, ...]:
    value = section.get("redirect_uris", [])
    if not isinstance(value, list):
        raise ClientSecretsError(what="its 'redirect_uris' is not an array")
    return tuple(
        _text({"redirect_uris": item}, kind, "redirect_uris") for item in value
    )
