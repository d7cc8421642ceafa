"""Which requests are not of a browser that an issuer sent here. Knows no logins."""

from http import HTTPStatus

from aiohttp import HttpVersion11, web

_USUAL_PORT = 80


def authorities_of(host: str, port: int) -> frozenset[str]:
    """What the Host header may say, in lower case.

    Args:
        host: as in a URL, so with brackets where it is an IPv6 address.
        port: of the site.
    """
    named = {f"{host}:{port}".lower()}
    if port == _USUAL_PORT:
        named.add(host.lower())  # browsers leave the usual port out
    return frozenset(named)


def fault_of(
    request: web.BaseRequest, authorities: frozenset[str]
) -> HTTPStatus | None:
    """Why a request is refused, or None for a plain GET that was meant for us."""
    headers = request.headers
    # The target in origin form only: '/path?query' (RFC 9112 section 3.2.1).
    if request.version != HttpVersion11 or not request.raw_path.startswith("/"):
        return HTTPStatus.BAD_REQUEST
    # Exactly our own name, once: a page whose own name was made to point to
    # 127.0.0.1 (DNS rebinding) says that name.
    hosts = [host.lower() for host in headers.getall("Host", [])]
    if len(hosts) != 1 or hosts[0] not in authorities:
        return HTTPStatus.MISDIRECTED_REQUEST
    # Browsers name the origin where a script or a form of a page sends a request.
    ours = {f"http://{authority}" for authority in authorities}
    if not ours.issuperset(o.lower() for o in headers.getall("Origin", [])):
        return HTTPStatus.FORBIDDEN
    if request.method != "GET":
        return HTTPStatus.METHOD_NOT_ALLOWED
    if request.body_exists or "Upgrade" in headers:
        return HTTPStatus.BAD_REQUEST
    return None
