"""Which requests are not of a browser that an issuer sent here. Knows no logins."""

from http import HTTPStatus

from aiohttp import HttpVersion11, web

LARGEST_FORM_BYTES = 32 * 1024
"""Of an authorization response: a long code, and an ID token that nobody asked for."""

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
    request: web.BaseRequest,
    authorities: frozenset[str],
    *,
    form_path: str | None,
    is_own_form: bool = False,
) -> HTTPStatus | None:
    """Why a request is refused, or None for one that was meant for us.

    Args:
        request: as it came.
        authorities: from `authorities_of`.
        form_path: where a form may be sent to, or None: then only a plain GET is
            taken, as everywhere else.
        is_own_form: whether a page of ours sends that form, and no other may.
    """
    fault = _address_fault(request, authorities)
    if fault is not None:
        return fault
    ours = {f"http://{authority}" for authority in authorities}
    if request.method == "POST" and request.raw_path == form_path:
        is_foreign = is_own_form and not _is_from(request, ours)
        return HTTPStatus.FORBIDDEN if is_foreign else _form_fault(request)
    # Browsers name the origin where a script or a form of a page sends a request.
    if not ours.issuperset(o.lower() for o in request.headers.getall("Origin", [])):
        return HTTPStatus.FORBIDDEN
    if request.method != "GET":
        return HTTPStatus.METHOD_NOT_ALLOWED
    if request.body_exists or "Upgrade" in request.headers:
        return HTTPStatus.BAD_REQUEST
    return None


def _is_from(request: web.BaseRequest, origins: set[str]) -> bool:
    """Whether a browser says that a page of ours sends this; they all say it."""
    origin = [one.lower() for one in request.headers.getall("Origin", [])]
    site = request.headers.getall("Sec-Fetch-Site", ["same-origin"])
    return len(origin) == 1 and origin[0] in origins and site == ["same-origin"]


def _address_fault(
    request: web.BaseRequest, authorities: frozenset[str]
) -> HTTPStatus | None:
    # The target in origin form only: '/path?query' (RFC 9112 section 3.2.1).
    if request.version != HttpVersion11 or not request.raw_path.startswith("/"):
        return HTTPStatus.BAD_REQUEST
    # Exactly our own name, once: a page whose own name was made to point to
    # 127.0.0.1 (DNS rebinding) says that name.
    hosts = [host.lower() for host in request.headers.getall("Host", [])]
    if len(hosts) != 1 or hosts[0] not in authorities:
        return HTTPStatus.MISDIRECTED_REQUEST
    return None


def _form_fault(request: web.BaseRequest) -> HTTPStatus | None:
    """What is wrong with a form that the issuer's page had the browser send.

    Its Origin says nothing: the issuer's, or 'null' where its page hides it. What it
    holds is told from a forgery by the state.
    """
    if request.content_type != "application/x-www-form-urlencoded":
        return HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    if request.content_length is None:
        return HTTPStatus.LENGTH_REQUIRED
    if request.content_length > LARGEST_FORM_BYTES:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    if "Upgrade" in request.headers or "Content-Encoding" in request.headers:
        return HTTPStatus.BAD_REQUEST
    return None
