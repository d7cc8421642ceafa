"""Protected resources, such as MCP servers: where one signs in to them.

Asks the resource without a token, and then for its metadata (RFC 9728; MCP 2026-07-28,
authorization server discovery). Knows no client and no browser.
"""

import json

import msgspec

from broker.model.account import AccountName
from broker.model.errors import IssuerNeededError, ResourceInvalidError
from broker.model.http import HttpRequest, HttpResponse
from broker.model.text import safe_text
from broker.oauth.challenge import Challenge, parse_challenges
from broker.oauth.faults import transport_fault
from broker.oauth.protected_resource import (
    ProtectedResource,
    check_metadata_url,
    is_same_resource,
    parse_protected_resource,
    parse_resource_url,
    resource_metadata_urls,
)
from broker.services.interfaces import HttpSender

_OK = 200
_UNAUTHORIZED = 401
_REDIRECTS = range(300, 400)

# The one message of MCP that begins nothing at a server that answers it.
_PING = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()


class ResourceFound(msgspec.Struct, frozen=True, kw_only=True):
    """Where one signs in to a resource.

    Attributes:
        resource: its identifier, for `resource` (RFC 8707).
        issuer: an issuer URL, or what the person named.
        scopes: what it wants; None where it does not say.
    """

    resource: str
    issuer: str
    scopes: tuple[str, ...] | None


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    challenge: Challenge | None


class Resources:
    """Finds out how to sign in to a resource."""

    def __init__(self, sender: HttpSender) -> None:
        self._sender = sender

    async def find(
        self, text: str, *, account: AccountName, issuer: str | None
    ) -> ResourceFound:
        """Where one signs in to the resource at this URL.

        Args:
            text: the URL, as a person typed it.
            account: for the error.
            issuer: which of its issuers the person wants; also one to go to where the
                resource names none.

        Raises:
            ResourceInvalidError: it is none, or it does not say.
            IssuerNeededError: it takes tokens of several issuers, and none was named.
            IssuerUnreachableError, IssuerOverloadedError, IssuerMalformedError: it
                cannot be asked.
        """
        url = parse_resource_url(text)
        asked = await self._ask(url)
        said = await self._described(url, asked)
        wanted = asked.challenge.scopes if asked.challenge else None
        if said is None:
            if issuer is None:
                raise _silent(url, asked)
            return ResourceFound(resource=url, issuer=issuer, scopes=wanted)
        return ResourceFound(
            resource=said.resource,
            issuer=_chosen(said, url, account, issuer),
            # What it wants now goes before all that it knows (MCP, scope selection).
            scopes=said.scopes_supported if wanted is None else wanted,
        )

    async def _ask(self, url: str) -> _Asked:
        response = await self._send(
            HttpRequest(
                method="POST",
                url=url,
                headers={
                    "Accept": "application/json, text/event-stream",
                    "Content-Type": "application/json",
                },
                body=_PING,
            ),
            url,
        )
        if response.status != _UNAUTHORIZED:
            return _Asked(status=response.status, challenge=None)
        found = parse_challenges(response.headers.get("www-authenticate", ""))
        told = (one for one in found if one.resource_metadata is not None)
        challenge = next(told, next(iter(found), None))
        return _Asked(status=response.status, challenge=challenge)

    async def _described(self, url: str, asked: _Asked) -> ProtectedResource | None:
        """Its metadata; None where it has none.

        Raises:
            ResourceInvalidError: it has, but of no use.
        """
        place = asked.challenge.resource_metadata if asked.challenge else None
        if place is not None:
            response = await self._get(check_metadata_url(place, resource=url), url)
            if response.status != _OK:
                what = f"its metadata answers with HTTP status {response.status}"
                raise ResourceInvalidError(resource=safe_text(url), what=what)
            return parse_protected_resource(response.body, resource=url)
        fault = None
        for place in resource_metadata_urls(url):
            try:
                response = await self._get(place, url)
                if response.status == _OK:
                    return parse_protected_resource(response.body, resource=url)
            except ResourceInvalidError as exc:
                # A single-page application answers every path with its own page.
                fault = fault or exc
        if fault is not None:
            raise fault
        return None

    async def _get(self, place: str, url: str) -> HttpResponse:
        headers = {"Accept": "application/json"}
        return await self._send(
            HttpRequest(method="GET", url=place, headers=headers), url
        )

    async def _send(self, request: HttpRequest, url: str) -> HttpResponse:
        response = await self._sender.send(request)
        if response.status in _REDIRECTS:
            # Followed, it would be another resource, and so another's token.
            to = safe_text(response.headers.get("location", "nowhere"))
            raise ResourceInvalidError(
                resource=safe_text(url), what=f"{request.url} redirects to {to}"
            )
        fault = transport_fault(response, safe_text(url))
        if fault is not None:
            raise fault
        return response


def _chosen(
    said: ProtectedResource, url: str, account: AccountName, issuer: str | None
) -> str:
    """One of the resource's issuers (RFC 9728 section 7.6: the choice is ours)."""
    servers = said.authorization_servers
    if issuer is not None:
        if servers and not any(is_same_resource(issuer, each) for each in servers):
            what = f"it takes no tokens of {safe_text(issuer)}, but of "
            what += ", ".join(map(safe_text, servers))
            raise ResourceInvalidError(resource=safe_text(url), what=what)
        return issuer
    if not servers:
        what = "its metadata names no authorization server"
        raise ResourceInvalidError(resource=safe_text(url), what=what)
    if len(servers) > 1:
        raise IssuerNeededError(
            account=account,
            resource=safe_text(url),
            issuers=tuple(map(safe_text, servers)),
        )
    return servers[0]


def _silent(url: str, asked: _Asked) -> ResourceInvalidError:
    what = "it wants a sign-in, but has no metadata that says where (RFC 9728)"
    if asked.status != _UNAUTHORIZED:
        what = (
            f"it asked for no sign-in (HTTP status {asked.status}), and has no "
            "metadata that says where there is one (RFC 9728)"
        )
    return ResourceInvalidError(resource=safe_text(url), what=what)
