"""Where Google's credentials may be sent, and where a workload proves who it is.

A credential file names its endpoints itself. Whoever can change one would otherwise
have a workload's own token, or a signed assertion, sent to a place of his. Knows no
network.
"""

from urllib.parse import quote, urlsplit

from broker.model.issuer import Issuer
from broker.oauth.endpoints import is_plain_http, url_fault

GOOGLE = "https://accounts.google.com"
"""The issuer of its access tokens and of its ID tokens."""
OAUTH_ENDPOINT = "https://oauth2.googleapis.com/token"
"""What google-auth signs assertions for, whatever the file says."""
STS_ENDPOINT = "https://sts.googleapis.com/v1/token"
_IAM = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"

GENERATE_ACCESS = ":generateAccessToken"
GENERATE_ID = ":generateIdToken"
SIGN_JWT = ":signJwt"

METADATA_HOSTS = frozenset({"169.254.169.254", "169.254.170.2", "fd00:ec2::254"})
"""Of cloud machines, to themselves: link-local, and so in the clear (Azure, AWS).

Source: google-auth's aws.py and the documents of workload identity federation.
"""

_GOOGLE = ".googleapis.com"
_HTTPS_PORT = 443


def google_fault(url: str) -> str | None:
    """Why a credential must not be sent to this URL, or None.

    https at a host of Google's, or a literal loopback address, where an emulator runs.
    """
    fault = url_fault(url)
    if fault is not None or is_plain_http(url):
        return fault
    parts = urlsplit(url)
    host = parts.hostname or ""
    if (parts.port or _HTTPS_PORT) != _HTTPS_PORT:
        return "has a port of its own"
    is_googles = host.endswith(_GOOGLE) or host == urlsplit(GOOGLE).hostname
    return None if is_googles else f"is at {host}, which is not Google's"


def google_issuer(token_endpoint: str) -> Issuer:
    """Whom an account without a person asks; nobody needs to be asked for it.

    An emulator on loopback is an issuer of its own: that it is down says nothing of
    Google.
    """
    is_googles = not is_plain_http(token_endpoint)
    url = GOOGLE if is_googles else shown_origin(token_endpoint)
    return Issuer(
        url=url,
        authorization_endpoint=f"{url}/o/oauth2/v2/auth",
        token_endpoint=token_endpoint,
    )


def source_fault(url: str) -> str | None:
    """Why a workload's own token must not be asked for at this URL, or None.

    https anywhere, since only the platform knows where; plain http to a literal
    loopback address, or to the metadata service of the machine itself.
    """
    return None if is_metadata(url) else url_fault(url)


def is_metadata(url: str) -> bool:
    """Whether this is the metadata service of the machine, in the clear."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme != "http" or host not in METADATA_HOSTS or port not in (None, 80):
        return False
    return url_fault(url.replace("http://", "https://", 1)) is None


def iam_endpoint(email: str, method: str) -> str:
    """Of the service account that is to be impersonated.

    Args:
        email: of the service account.
        method: such as `GENERATE_ACCESS`.
    """
    return _IAM + quote(email, safe="@") + method


def shown_origin(url: str) -> str:
    """Scheme, host and port of a checked URL, for people."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
