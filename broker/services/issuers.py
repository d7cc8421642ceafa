"""Issuers by the words of a person: a preset's name, or a URL that is discovered.

Asks the network for metadata alone (RFC 8414, OpenID Connect Discovery 1.0).
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec.structs import replace

from broker.model.errors import (
    IssuerInvalidError,
    IssuerMalformedError,
    IssuerMovedError,
    IssuerOverloadedError,
    IssuerUnreachableError,
)
from broker.model.http import HttpRequest
from broker.model.issuer import Issuer, IssuerPreset
from broker.model.text import safe_text
from broker.model.way import Way
from broker.oauth.endpoints import parse_issuer_url, url_fault
from broker.oauth.faults import transport_fault
from broker.oauth.metadata import mcp_metadata_urls, metadata_urls, parse_metadata
from broker.oauth.presets import preset_for_endpoint, preset_for_issuer, require_way
from broker.services.interfaces import HttpSender

_OK = 200
_Fault = IssuerMalformedError | IssuerOverloadedError | IssuerUnreachableError


def require_pinned(before: Issuer, now: Issuer) -> None:
    """See that an issuer's endpoints are where they were at the last login.

    Whoever can change its metadata for a moment would else be sent codes, refresh
    tokens and the client's secret.

    Args:
        before: as the account has it.
        now: as it was discovered; of another URL, it is another issuer.

    Raises:
        IssuerMovedError: one is at a host that none was at before.
    """
    if before.url != now.url:
        return
    hosts = _hosts(now) - _hosts(before)
    if hosts:
        raise IssuerMovedError(issuer=now.url, hosts=tuple(sorted(hosts)))


def _hosts(issuer: Issuer) -> set[str]:
    """Where browsers, codes, tokens and secrets go, and where keys come from."""
    endpoints = (
        issuer.authorization_endpoint,
        issuer.token_endpoint,
        issuer.revocation_endpoint,
        issuer.device_authorization_endpoint,
        issuer.pushed_authorization_request_endpoint,
        issuer.registration_endpoint,
        issuer.end_session_endpoint,
        issuer.userinfo_endpoint,
        issuer.jwks_uri,
    )
    return {urlsplit(url).netloc for url in endpoints if url is not None}


class Issuers:
    """Presets, and whoever publishes metadata."""

    def __init__(
        self, *, presets: Mapping[str, IssuerPreset], sender: HttpSender
    ) -> None:
        self._presets = presets
        self._sender = sender

    def preset(self, name: str | None) -> IssuerPreset | None:
        """The preset of this name, or None."""
        return None if name is None else self._presets.get(name)

    def preset_of(self, endpoint: str) -> IssuerPreset | None:
        """The preset to which an endpoint of a client_secret.json belongs, or None."""
        return preset_for_endpoint(self._presets, endpoint)

    def url_of(self, text: str) -> str:
        """The issuer URL of a preset's name; every other text as it is."""
        preset = self._presets.get(text)
        return text if preset is None else preset.issuer

    def of_endpoint(self, endpoint: str) -> str:
        """Who a token endpoint is of: a preset's name, else the URL of its host.

        Raises:
            IssuerInvalidError: no token may be sent there.
        """
        known = self.preset_of(endpoint)
        if known is not None:
            return known.name
        fault = url_fault(endpoint)
        if fault is not None:
            raise IssuerInvalidError(issuer=safe_text(endpoint), what=fault)
        parts = urlsplit(endpoint)
        return f"{parts.scheme}://{parts.netloc}"

    async def find(
        self,
        text: str,
        way: Way | None,
        *,
        for_mcp: bool = False,
        attended: bool = True,
    ) -> tuple[IssuerPreset | None, Issuer]:
        """The issuer that is meant, with its endpoints.

        Args:
            text: the name of a preset, or an issuer URL.
            way: how the person is to sign in; None where nobody is to.
            for_mcp: whether its metadata is looked for in MCP's order.
            attended: whether somebody may ever sign in with what is found.

        Raises:
            WayRefusedError: it is known to refuse that; nobody is asked then.
            IssuerInvalidError: it is neither, or it publishes no metadata.
            IssuerUnreachableError, IssuerOverloadedError, IssuerMalformedError,
            IssuerMismatchError: of the discovery.
        """
        preset = self._preset_meant(text)
        require_way(preset, way)
        if preset is None:
            url = parse_issuer_url(text)
            places = mcp_metadata_urls(url) if for_mcp else metadata_urls(url)
            found = await self._discovered(url, places, None, attended=attended)
            return None, found
        if preset.pinned is not None:
            return preset, preset.pinned
        url = preset.issuer
        places = metadata_urls(url) if preset.metadata is None else (preset.metadata,)
        accepts = preset.accepts_mismatched_issuer
        issuer = await self._discovered(url, places, accepts, attended=attended)
        return preset, replace(issuer, quirks=preset.quirks)

    def _preset_meant(self, text: str) -> IssuerPreset | None:
        preset = self._presets.get(text)
        if preset is not None and preset.is_template:
            raise IssuerInvalidError(
                issuer=preset.name,
                what=f"stands for many issuers: give the URL of yours, {preset.issuer}",
            )
        if preset is None:
            preset = preset_for_issuer(self._presets, text)
        if preset is None and "/" not in text:
            raise IssuerInvalidError(
                issuer=safe_text(text) or "(nothing)",
                what=f"is neither a URL nor one of {', '.join(sorted(self._presets))}",
            )
        return preset

    async def _discovered(
        self, url: str, places: tuple[str, ...], accepts: str | None, *, attended: bool
    ) -> Issuer:
        fault: _Fault | None = None
        for place in places:
            request = HttpRequest(
                method="GET", url=place, headers={"Accept": "application/json"}
            )
            response = await self._sender.send(request)
            fault = fault or transport_fault(response, url)
            if response.status != _OK:
                continue
            try:
                return parse_metadata(
                    response.body,
                    issuer=url,
                    accepts_issuer=accepts,
                    attended=attended,
                )
            except IssuerMalformedError as exc:
                # A single-page application answers every path with its own page.
                fault = fault or exc
        if fault is not None:
            raise fault
        paths = " or ".join(urlsplit(place).path for place in places)
        raise IssuerInvalidError(issuer=url, what=f"publishes no metadata at {paths}")
