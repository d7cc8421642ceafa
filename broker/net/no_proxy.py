"""NO_PROXY: the hosts that are reached without a proxy. Knows no proxies.

As curl reads it: https://curl.se/libcurl/c/CURLOPT_NOPROXY.html. A port, which curl
does not know, is taken as Go and Python take it.
"""

import ipaddress
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_excepted(host: str, port: int, exceptions: Iterable[str]) -> bool:
    """Whether `host` is one of them.

    Args:
        host: a name or a literal address, without brackets.
        port: the one that is connected to.
        exceptions: '*'; 'example.com' or '.example.com', itself and all below it;
            an address; a network such as '10.0.0.0/8'; each with ':PORT' for that
            port alone.
    """
    name = _plain(host)
    address = _address(name)
    return any(_fits(name, address, port, one.strip()) for one in exceptions)


def _fits(name: str, address: Address | None, port: int, exception: str) -> bool:
    if exception == "*":
        return True
    pattern, wanted_port = _split_port(exception)
    if not pattern or wanted_port not in {None, port}:
        return False
    if address is not None:
        return _is_in(address, pattern)
    suffix = _plain(pattern).removeprefix(".")
    return bool(suffix) and (name == suffix or name.endswith(f".{suffix}"))


def _is_in(address: Address, pattern: str) -> bool:
    try:
        # Not strict: people write 10.1.2.3/8, and curl takes it.
        return address in ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        return False


def _split_port(exception: str) -> tuple[str, int | None]:
    """'a.example:8443' and '[::1]:8443'; '::1' has no port."""
    if exception.startswith("["):
        inside, _, rest = exception[1:].partition("]")
        return inside, _port(rest.removeprefix(":"))
    host, colon, port = exception.partition(":")
    if not colon or ":" in port:
        return exception, None
    return host, _port(port)


def _port(text: str) -> int | None:
    """-1 for what is none, which fits no port."""
    if not text:
        return None
    return int(text) if text.isascii() and text.isdigit() else -1


def _plain(name: str) -> str:
    return name.lower().removesuffix(".")


def _address(name: str) -> Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
