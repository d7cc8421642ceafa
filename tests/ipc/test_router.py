"""Which handler answers a request."""

import pytest
from aiohttp.test_utils import make_mocked_request

from broker.ipc import web
from broker.ipc.router import ROUTE, Router


async def plain(_: web.Request) -> web.StreamResponse:
    """Answers at a path without names."""
    return web.Response(text="plain")


async def named(request: web.Request) -> web.StreamResponse:
    """Says what the names are."""
    return web.Response(text=repr(dict(request.match_info)))


async def otherwise(_: web.Request) -> web.StreamResponse:
    """Answers all that nobody else does."""
    return web.Response(text="otherwise")


ROUTES = (
    web.get("/v1/things", plain),
    web.get("/v1/events", plain, allow_head=False),
    web.put("/v1/things/{name}", named),
    web.delete("/v1/things/{name}", named),
    web.post("/v1/things/default", plain),
    web.post("/v1/things/{name}/parts/{part}", named),
)


def asked(method: str, path: str) -> web.Request:
    """A request as the server makes it."""
    request = make_mocked_request(method, path)
    request.__class__ = web.Request  # aiohttp makes its own
    assert isinstance(request, web.Request)
    return request


async def said(
    method: str, path: str, answers_all: web.Handler | None = None
) -> str | None:
    """What is answered."""
    request = asked(method, path)
    answer = await Router(ROUTES, answers_all).handler(request)(request)
    assert isinstance(answer, web.Response)
    return answer.text


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/v1/things", "plain"),
        ("HEAD", "/v1/things", "plain"),
        ("GET", "/v1/things?a=b", "plain"),
        ("GET", "/v1/%74hings", "plain"),
        ("PUT", "/v1/things/work", "{'name': 'work'}"),
        ("DELETE", "/v1/things/a%40b", "{'name': 'a@b'}"),
        ("PUT", "/v1/things/a%2Fb", "{'name': 'a/b'}"),
        ("POST", "/v1/things/default", "plain"),
        ("POST", "/v1/things/a/parts/2", "{'name': 'a', 'part': '2'}"),
    ],
)
async def test_a_path_leads_to_its_handler_with_the_names_in_it(
    method: str, path: str, expected: str
) -> None:
    assert await said(method, path) == expected


@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/v1/things/", "/v1//things", "/V1/things", "/v1%2Fthings", "/v1/a/b"],
)
async def test_any_other_path_is_not_there(path: str) -> None:
    with pytest.raises(web.HTTPNotFound):
        await said("GET", path)


async def test_a_method_that_a_path_has_not_is_told_with_those_that_it_has() -> None:
    with pytest.raises(web.HTTPMethodNotAllowed) as refused:
        await said("GET", "/v1/things/work")
    assert refused.value.headers["Allow"] == "DELETE,PUT"
    with pytest.raises(web.HTTPMethodNotAllowed):
        await said("HEAD", "/v1/events")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/a"), ("PATCH", "/v1/things")]
)
async def test_whoever_answers_otherwise_gets_all_the_rest(
    method: str, path: str
) -> None:
    assert await said(method, path, otherwise) == "otherwise"
    assert await said("GET", "/v1/things", otherwise) == "plain"


async def test_a_request_says_by_which_route_it_came() -> None:
    request = asked("PUT", "/v1/things/work")
    Router(ROUTES).handler(request)
    assert request[ROUTE].path == "/v1/things/{name}"
