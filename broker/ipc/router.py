"""Which handler answers a request. Knows no route by name, and nobody who asks."""

from collections.abc import Iterable

from broker.ipc import web

_Parts = tuple[str, ...]
_Methods = dict[str, web.RouteDef]

ROUTE = web.RequestKey("route", web.RouteDef)
"""Of a request, where it has one: its path is for the log, a request's is not."""


class Router:
    """A table of routes.

    A path without `{name}` comes before one with. What a path's parts say is compared,
    so that `/v1/%74oken` is `/v1/token`, and `%2F` is no end of a part.

    Args:
        routes: of every path that there is.
        otherwise: answers where there is no route; else that is told.
    """

    def __init__(
        self, routes: Iterable[web.RouteDef], otherwise: web.Handler | None = None
    ) -> None:
        self._otherwise = otherwise
        self._plain: dict[_Parts, _Methods] = {}
        self._named: dict[_Parts, _Methods] = {}
        for route in routes:
            parts = ("/", *route.path.removeprefix("/").split("/"))
            table = self._named if "{" in route.path else self._plain
            methods = table.setdefault(parts, {})
            methods.update(dict.fromkeys(route.methods, route))

    def handler(self, request: web.Request) -> web.Handler:
        """Of this request, which is told the names in its path.

        A handler that raises HTTPNotFound or HTTPMethodNotAllowed where there is none.
        """
        methods, names = self._found(request.rel_url.parts)
        route = methods.get(request.method)
        if route is not None:
            request[web.NAMES], request[ROUTE] = names, route
            return route.handler
        if self._otherwise is not None:
            request[web.NAMES] = {}
            return self._otherwise
        return _not_allowed(methods) if methods else _not_found

    def _found(self, parts: _Parts) -> tuple[_Methods, dict[str, str]]:
        methods = self._plain.get(parts)
        if methods is not None:
            return methods, {}
        for pattern, named in self._named.items():
            names = _names(pattern, parts)
            if names is not None:
                return named, names
        return {}, {}


def _names(pattern: _Parts, parts: _Parts) -> dict[str, str] | None:
    """What `parts` have where `pattern` has `{name}`; None where they do not fit."""
    if len(pattern) != len(parts):
        return None
    names = {}
    for wanted, part in zip(pattern, parts, strict=True):
        if wanted.startswith("{") and part:
            names[wanted[1:-1]] = part
        elif wanted != part:
            return None
    return names


async def _not_found(_: web.Request) -> web.StreamResponse:
    raise web.HTTPNotFound


def _not_allowed(methods: _Methods) -> web.Handler:
    async def not_allowed(request: web.Request) -> web.StreamResponse:
        raise web.HTTPMethodNotAllowed(request.method, methods)

    return not_allowed
