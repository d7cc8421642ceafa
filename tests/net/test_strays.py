from http import HTTPStatus

import pytest
from aiohttp import HttpVersion, HttpVersion10, HttpVersion11
from aiohttp.test_utils import make_mocked_request

from broker.net.strays import authorities_of, fault_of

OURS = authorities_of("127.0.0.1", 43211)


def fault(
    method: str = "GET",
    target: str = "/?code=1",
    host: str | None = "127.0.0.1:43211",
    version: HttpVersion = HttpVersion11,
    **headers: str,
) -> HTTPStatus | None:
    named = {} if host is None else {"Host": host}
    request = make_mocked_request(
        method,
        target,
        headers={**named, **{k.replace("_", "-"): v for k, v in headers.items()}},
        version=version,
    )
    return fault_of(request, OURS, form_path=None)


def test_the_request_of_a_browser_that_was_sent_here_is_answered() -> None:
    assert fault() is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:43211",
        "127.0.0.1:43212",
        "127.0.0.1",
        "localhost:43211",
        "[::1]:43211",
        "127.0.0.1:43211.evil.example",
        "",
        None,
    ],
)
def test_a_host_that_is_not_exactly_ours_is_refused(host: str | None) -> None:
    assert fault(host=host) is HTTPStatus.MISDIRECTED_REQUEST


def test_localhost_may_be_spelled_as_a_browser_likes() -> None:
    request = make_mocked_request("GET", "/", headers={"Host": "LocalHost:80"})
    assert fault_of(request, authorities_of("localhost", 80), form_path=None) is None


def test_the_usual_port_may_be_left_out() -> None:
    request = make_mocked_request("GET", "/", headers={"Host": "127.0.0.1"})
    assert fault_of(request, authorities_of("127.0.0.1", 80), form_path=None) is None


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:43211/?code=1", "*", "evil.example:80"]
)
def test_a_target_that_is_not_a_path_is_refused(target: str) -> None:
    assert fault(target=target) is HTTPStatus.BAD_REQUEST


def test_http_1_0_is_refused() -> None:
    assert fault(version=HttpVersion10) is HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "HEAD", "OPTIONS", "DELETE", "TRACE"]
)
def test_only_get_is_answered(method: str) -> None:
    assert fault(method=method) is HTTPStatus.METHOD_NOT_ALLOWED


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_that_a_foreign_page_wrote_is_refused(
    method: str, origin: str
) -> None:
    assert fault(method=method, Origin=origin) is HTTPStatus.FORBIDDEN


def test_an_upgrade_is_refused() -> None:
    found = fault(Upgrade="websocket", Connection="Upgrade")
    assert found is HTTPStatus.BAD_REQUEST


FORM = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": "9"}


def form_fault(target: str, changed: dict[str, str | None]) -> HTTPStatus | None:
    """Where a form may be sent to '/'; None takes a header away."""
    sent = {"Host": "127.0.0.1:43211", **FORM, **changed}
    request = make_mocked_request(
        "POST", target, headers={k: v for k, v in sent.items() if v is not None}
    )
    return fault_of(request, OURS, form_path="/")


@pytest.mark.parametrize("origin", ["https://issuer.example", "null", None])
def test_a_form_is_taken_from_any_page_where_it_was_asked_for(
    origin: str | None,
) -> None:
    assert form_fault("/", {"Origin": origin}) is None


@pytest.mark.parametrize(
    ("target", "changed", "status"),
    [
        ("/other", {}, HTTPStatus.METHOD_NOT_ALLOWED),
        ("/?code=1", {}, HTTPStatus.METHOD_NOT_ALLOWED),
        ("/", {"Content-Type": "text/plain"}, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        ("/", {"Content-Length": None}, HTTPStatus.LENGTH_REQUIRED),
        ("/", {"Content-Length": "32769"}, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        ("/", {"Content-Encoding": "gzip"}, HTTPStatus.BAD_REQUEST),
        ("/", {"Upgrade": "websocket"}, HTTPStatus.BAD_REQUEST),
        ("/", {"Host": "evil.example"}, HTTPStatus.MISDIRECTED_REQUEST),
    ],
)
def test_any_other_form_is_refused(
    target: str, changed: dict[str, str | None], status: HTTPStatus
) -> None:
    assert form_fault(target, changed) is status
