"""Google's credential files of accounts without a person, checked. Knows no files.

A service account's key, and the configuration of a workload that proves who it is
elsewhere (`external_account`). Only what is used is kept.
"""

import json
import re
from collections.abc import Mapping

import msgspec

from broker.model.errors import CredentialFileError
from broker.model.secret import Secret
from broker.model.strict_json import parse_json
from broker.oauth.google_endpoints import (
    GENERATE_ACCESS,
    OAUTH_ENDPOINT,
    STS_ENDPOINT,
    google_fault,
    iam_endpoint,
)
from broker.oauth.google_sources import checked_source
from broker.oauth.grammar import is_vschars

MAX_CHARACTERS = 65536

SERVICE_ACCOUNT = "service_account"
EXTERNAL_ACCOUNT = "external_account"
UNIVERSE = "googleapis.com"

_WORKFORCE = re.compile(r"//iam\.googleapis\.com/locations/[^/]+/workforcePools/")
"""The audience of people of another organisation, as google-auth knows it."""

_OTHER_FILES = {
    "authorized_user": "it holds a person's sign-in; `brokerctl import` takes it",
    "external_account_authorized_user": "it holds a person's sign-in from another "
    "organisation, which brokerd does not take",
    "impersonated_service_account": "it impersonates a service account as a person; "
    "`brokerctl import` takes it",
    "gdch_service_account": "it is for Google Distributed Cloud, not for Google",
}


class GoogleFile(msgspec.Struct, frozen=True, kw_only=True):
    """What a credential file says.

    Attributes:
        text: its JSON, with the members that are used and no others.
        client_id: what Google calls it: a number, an e-mail address, or an audience.
        email: of the service account that it is, or None.
        token_endpoint: where it is exchanged for an access token.
        impersonate: the service account that it is to become, or None.
        impersonation_url: where that is asked for, or None.
        lifetime: in seconds, of what that gives, or None.
    """

    text: Secret
    client_id: str
    email: str | None
    token_endpoint: str
    impersonate: str | None = None
    impersonation_url: str | None = None
    lifetime: int | None = None


def parse_google_file(text: str) -> GoogleFile:
    """What a file says that Google's console or gcloud wrote.

    Args:
        text: `{"type": "service_account", "client_email": str, "private_key": str,
            "private_key_id"?: str, "client_id"?: str, "token_uri"?: str, ...}` or
            `{"type": "external_account", "audience": str, "subject_token_type": str,
            "token_url"?: str, "credential_source": {...},
            "service_account_impersonation_url"?: str, ...}`

    Raises:
        CredentialFileError: it is something else, or would have a secret sent to a
            place that is not Google's; `what` never quotes a secret.
    """
    file = _object(text)
    kind = file.get("type")
    _check_universe(file)
    if kind == SERVICE_ACCOUNT:
        return _service_account(file)
    if kind == EXTERNAL_ACCOUNT:
        return _external_account(file)
    if isinstance(kind, str) and kind in _OTHER_FILES:
        raise CredentialFileError(what=_OTHER_FILES[kind])
    if "installed" in file or "web" in file:
        what = (
            "it is a client for people who sign in: `brokerctl login --client-secrets`"
        )
        raise CredentialFileError(what=what)
    raise CredentialFileError(
        what="its 'type' is neither service_account nor external_account"
    )


def impersonated_email(url: str) -> str | None:
    """Of the service account in the URL of its endpoint; None where there is none."""
    head, _, method = url.rpartition("/serviceAccounts/")
    email = method.removesuffix(GENERATE_ACCESS)
    return email if head and email != method and is_email(email) else None


def is_email(text: str) -> bool:
    """Whether it may be the address of a service account, or of a person."""
    name, at, domain = text.partition("@")
    is_plain = is_vschars(text) and not set(text) & set(' /?#%:"')
    return is_plain and bool(name and at) and "." in domain and "@" not in domain


def _service_account(file: Mapping[str, object]) -> GoogleFile:
    key = text_of(file, "private_key")
    _check_key(key)
    email = text_of(file, "client_email")
    if not is_email(email):
        raise CredentialFileError(what="its 'client_email' is no address")
    endpoint = _endpoint(file, "token_uri", OAUTH_ENDPOINT)
    kept = {
        "type": SERVICE_ACCOUNT,
        "client_email": email,
        "private_key": key,
        "private_key_id": found_text(file, "private_key_id"),
        "token_uri": endpoint,
    }
    return GoogleFile(
        text=_kept(kept),
        client_id=found_text(file, "client_id") or email,
        email=email,
        token_endpoint=endpoint,
    )


def _external_account(file: Mapping[str, object]) -> GoogleFile:
    endpoint = _endpoint(file, "token_url", STS_ENDPOINT)
    url = found_text(file, "service_account_impersonation_url")
    email = None if url is None else _impersonated(url)
    audience, project = text_of(file, "audience"), "workforce_pool_user_project"
    if found_text(file, project) and not _WORKFORCE.match(audience):
        what = f"its '{project}' is for a workforce pool, and its audience is none"
        raise CredentialFileError(what=what)
    kept = {
        "type": EXTERNAL_ACCOUNT,
        "audience": audience,
        "subject_token_type": text_of(file, "subject_token_type"),
        "token_url": endpoint,
        "credential_source": checked_source(file.get("credential_source")),
        "client_id": found_text(file, "client_id"),
        "client_secret": found_text(file, "client_secret"),
        project: found_text(file, project),
    }
    return GoogleFile(
        text=_kept(kept),
        client_id=audience,
        email=None,
        token_endpoint=endpoint,
        impersonate=email,
        # Where it is Google's usual one, it is worked out from the address.
        impersonation_url=None
        if email is None or url == iam_endpoint(email, GENERATE_ACCESS)
        else url,
        lifetime=_lifetime(file.get("service_account_impersonation")),
    )


def _impersonated(url: str) -> str:
    fault = google_fault(url)
    if fault is not None:
        what = f"its 'service_account_impersonation_url' {fault}"
        raise CredentialFileError(what=what)
    email = impersonated_email(url)
    if email is None:
        what = "its 'service_account_impersonation_url' names no service account"
        raise CredentialFileError(what=what)
    return email


def _lifetime(options: object) -> int | None:
    seconds = (
        options.get("token_lifetime_seconds") if isinstance(options, dict) else None
    )
    return seconds if isinstance(seconds, int) and seconds > 0 else None


def _endpoint(file: Mapping[str, object], name: str, usual: str) -> str:
    url = found_text(file, name) or usual
    fault = google_fault(url)
    if fault is not None:
        raise CredentialFileError(what=f"its '{name}' {fault}")
    return url


def _check_universe(file: Mapping[str, object]) -> None:
    if file.get("universe_domain", UNIVERSE) != UNIVERSE:
        what = f"it is for another universe of Google's than {UNIVERSE}"
        raise CredentialFileError(what=what)


def _check_key(pem: str) -> None:
    """Raises: CredentialFileError: no RSA key in PEM, or one under a passphrase."""
    # Imported here: nobody else on this floor needs it.
    from cryptography.exceptions import (  # noqa: PLC0415 - see above
        UnsupportedAlgorithm,
    )
    from cryptography.hazmat.primitives.asymmetric.rsa import (  # noqa: PLC0415
        RSAPrivateKey,
    )
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        load_pem_private_key,
    )

    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        what = "its 'private_key' is under a passphrase; Google's own never are"
        raise CredentialFileError(what=what) from None
    except (ValueError, UnsupportedAlgorithm):
        # From None: the exception of a parser may quote what it met.
        what = "its 'private_key' is no key in PEM: was the file cut or edited?"
        raise CredentialFileError(what=what) from None
    if not isinstance(key, RSAPrivateKey):
        raise CredentialFileError(what="its 'private_key' is no RSA key")


def _object(text: str) -> dict[str, object]:
    if len(text) > MAX_CHARACTERS:
        raise CredentialFileError(what=f"it has more than {MAX_CHARACTERS} characters")
    text = text.removeprefix("\ufeff").strip()  # the BOM of Windows editors
    if text.startswith("-----BEGIN "):
        what = "it is a bare key: the JSON file that the console made is needed"
        raise CredentialFileError(what=what)
    try:
        value = parse_json(text.encode(errors="surrogatepass"))
    except ValueError as exc:
        raise CredentialFileError(what=f"it is no JSON ({exc})") from None
    if not isinstance(value, dict):
        raise CredentialFileError(what="it is not a JSON object")
    return value


def _kept(members: Mapping[str, object]) -> Secret:
    kept = {name: value for name, value in members.items() if value is not None}
    return Secret(json.dumps(kept))


def text_of(file: Mapping[str, object], name: str) -> str:
    """A member that is a text.

    Raises:
        CredentialFileError: it is missing, or something else.
    """
    value = found_text(file, name)
    if value is None:
        raise CredentialFileError(what=f"its '{name}' is missing")
    return value


def found_text(file: Mapping[str, object], name: str) -> str | None:
    """A member that is a text, or None where it is missing.

    Raises:
        CredentialFileError: it is something else.
    """
    value = file.get(name)
    if value is None or (isinstance(value, str) and value):
        return value
    raise CredentialFileError(what=f"its '{name}' is not a text")
