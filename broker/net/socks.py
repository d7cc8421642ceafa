"""SOCKS proxies, with the extra `brokerd[socks]`. Knows no requests."""

import sys

import aiohttp

from broker.net.proxies import Proxy


def socks_connector(proxy: Proxy, *, force_close: bool) -> aiohttp.TCPConnector:
    """A connector whose every connection goes through `proxy`."""
    from aiohttp_socks import ProxyConnector, ProxyType  # noqa: PLC0415 - an extra

    return ProxyConnector(
        proxy_type=ProxyType.SOCKS5,
        host=proxy.host,
        port=proxy.socks_port,
        username=proxy.username,
        password=proxy.password.reveal() if proxy.password else None,
        # socks5h: the proxy looks the name up, where this machine perhaps cannot.
        rdns=proxy.scheme == "socks5h",
        force_close=force_close,
    )


def socks_faults() -> tuple[type[Exception], ...]:
    """What a SOCKS proxy's faults are raised as; nothing where none was used."""
    if "aiohttp_socks" not in sys.modules:
        return ()
    from aiohttp_socks import (  # noqa: PLC0415 - an extra
        ProxyConnectionError,
        ProxyError,
        ProxyTimeoutError,
    )

    return (ProxyConnectionError, ProxyError, ProxyTimeoutError)
