"""Which proxy a request takes, by the environment. Knows no ~/.netrc."""

import base64
import ipaddress
import urllib.request
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from broker.model.errors import ConfigError
from broker.model.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """An HTTP proxy.

    Attributes:
        url: without user and password.
        authorization: of user and password, as the Proxy-Authorization header has it
            (RFC 9110 section 11.7.2), or None.
    """

    url: str
    authorization: Secret | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What the proxy alone is sent."""
        if self.authorization is None:
            return {}
        return {"Proxy-Authorization": self.authorization.reveal()}


def proxy_for(url: str) -> Proxy | None:
    """The proxy of HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY for `url`.

    Never one for a loopback address: the proxy's loopback is another machine's.

    Raises:
        ConfigError: the variable names no HTTP proxy.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host) or urllib.request.proxy_bypass(
        f"{host}:{parts.port}" if parts.port else host
    ):
        return None
    proxies = urllib.request.getproxies_environment()
    named = proxies.get(parts.scheme) or proxies.get("all")
    return _parse_proxy(named, f"{parts.scheme.upper()}_PROXY") if named else None


def _parse_proxy(value: str, variable: str) -> Proxy:
    # curl and urllib take a proxy without a scheme for an HTTP one.
    text = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
        parts = urlsplit("")
    # The value may hold a password: it is not shown.
    if not host or parts.scheme not in {"http", "https"}:
        raise ConfigError(path=variable, what="names no http:// proxy")
    shown = f"[{host}]" if ":" in host else host
    return Proxy(
        url=f"{parts.scheme}://{shown}" + (f":{port}" if port else ""),
        authorization=_basic(parts.username, parts.password),
    )


def _basic(username: str | None, password: str | None) -> Secret | None:
    if username is None:
        return None
    pair = f"{unquote(username)}:{unquote(password or '')}"
    return Secret(f"Basic {base64.b64encode(pair.encode()).decode()}")


def is_loopback(host: str) -> bool:
    """Whether `host` is a literal loopback address or 'localhost' (RFC 6761 6.3)."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
