"""Which proxy a request takes: the person's file, then the environment. No ~/.netrc."""

import base64
import importlib.util
import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

import msgspec

from broker.config import NetworkConfig
from broker.model.errors import ConfigError
from broker.model.secret import Secret
from broker.net.no_proxy import is_excepted

PROXY_SETTING = "network.proxy"
_SOCKS_SCHEMES = ("socks5", "socks5h")
_SCHEMES = ("http", "https", *_SOCKS_SCHEMES)
INSTALL_SOCKS = "`pipx inject brokerd aiohttp-socks`, or `pip install aiohttp-socks`"
_AWS_METADATA = ipaddress.ip_address("fd00:ec2::254")
_HTTPS_PORT = 443
_SOCKS_PORT = 1080


class Proxy(msgspec.Struct, frozen=True, kw_only=True):
    """A proxy.

    Attributes:
        scheme: 'http', 'https', 'socks5', or 'socks5h', which looks names up itself.
        host: without brackets.
        port: None for the scheme's own.
        username: None for nobody.
        password: None where there is none.
    """

    scheme: str
    host: str
    port: int | None = None
    username: str | None = None
    password: Secret | None = None

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS, not HTTP."""
        return self.scheme in _SOCKS_SCHEMES

    @property
    def url(self) -> str:
        """Without user and password."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{shown}" + (f":{self.port}" if self.port else "")

    @property
    def socks_port(self) -> int:
        """The port of a SOCKS proxy (RFC 1928 section 3)."""
        return self.port or _SOCKS_PORT

    @property
    def headers(self) -> dict[str, str]:
        """What an HTTP proxy alone is sent (RFC 9110 section 11.7.2)."""
        if self.username is None:
            return {}
        password = self.password.reveal() if self.password else ""
        pair = f"{self.username}:{password}".encode()
        return {"Proxy-Authorization": f"Basic {base64.b64encode(pair).decode()}"}


class Proxies(msgspec.Struct, frozen=True, kw_only=True):
    """The proxy in force and the hosts that are reached without it.

    Attributes:
        named: what the person wrote, or None for no proxy at all.
        named_by: the key or variable, for errors.
        exceptions: as NO_PROXY has them.
    """

    named: Secret | None = None
    named_by: str = PROXY_SETTING
    exceptions: tuple[str, ...] = ()

    def proxy_for(self, url: str) -> Proxy | None:
        """The proxy for this https URL.

        Never one for a loopback address: the proxy's loopback is another machine's.

        Raises:
            ConfigError: what is named is no proxy that can be used.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        if self.named is None or is_loopback(host):
            return None
        if is_excepted(host, parts.port or _HTTPS_PORT, self.exceptions):
            return None
        return parse_proxy(self.named.reveal(), self.named_by)


def chosen_proxies(config: NetworkConfig, environ: Mapping[str, str]) -> Proxies:
    """The configuration's proxy, else that of https_proxy or all_proxy.

    As curl chooses: a name in lower case first, an empty variable is none. HTTP_PROXY
    is not looked at: plain http goes to loopback alone.

    Raises:
        ConfigError: the configuration names no proxy that can be used.
    """
    exceptions = config.no_proxy
    if exceptions is None:
        exceptions = tuple(re.split(r"[,\s]+", _first(environ, "no_proxy")[1]))
    if config.direct:
        return Proxies()
    if config.proxy is not None:
        parse_proxy(config.proxy.reveal(), PROXY_SETTING)
        return Proxies(named=config.proxy, exceptions=exceptions)
    variable, value = _first(environ, "https_proxy", "all_proxy")
    if not value:
        return Proxies()
    return Proxies(named=Secret(value), named_by=variable, exceptions=exceptions)


def _first(environ: Mapping[str, str], *names: str) -> tuple[str, str]:
    """The first variable that is set, and its value; both empty for none."""
    for name in names:
        for spelled in (name, name.upper()):
            if environ.get(spelled):
                return spelled, environ[spelled]
    return "", ""


def parse_proxy(value: str, named_by: str) -> Proxy:
    """A proxy as curl and urllib take one: without a scheme it is an HTTP one.

    Raises:
        ConfigError: it is none of these, or one of SOCKS without the extra; the
            value, which may hold a password, is not in the error.
    """
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if not host or parts.scheme not in _SCHEMES:
        kinds = ", ".join(f"{scheme}://" for scheme in _SCHEMES)
        raise ConfigError(path=named_by, what=f"it names no proxy; there are {kinds}")
    if parts.scheme in _SOCKS_SCHEMES and not has_socks():
        what = f"a SOCKS proxy needs one more package: {INSTALL_SOCKS}"
        raise ConfigError(path=named_by, what=what)
    password = parts.password
    return Proxy(
        scheme=parts.scheme,
        host=host,
        port=port,
        username=None if parts.username is None else unquote(parts.username),
        password=None if password is None else Secret(unquote(password)),
    )


def has_socks() -> bool:
    """Whether the extra `brokerd[socks]` is installed."""
    return importlib.util.find_spec("aiohttp_socks") is not None


def is_loopback(host: str) -> bool:
    """Whether `host` is a literal loopback address or 'localhost' (RFC 6761 6.3)."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_link_local(host: str) -> bool:
    """Whether `host` is a literal address of this link alone, such as 169.254.169.254.

    AWS has its own in the private range of IPv6, fd00:ec2::254.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_link_local or address == _AWS_METADATA
