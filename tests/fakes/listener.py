"""A redirect listener without a port. Satisfies `RedirectListener`."""

import asyncio
import ipaddress
from collections import deque

from broker.model.errors import BadRequestError, BrokerError, PortInUseError
from broker.model.redirect import Outcome, RedirectSite, Verdict

FIRST_FREE_PORT = 43211


class FakeOpenListener:
    """A listener that is listening, and a browser that a test drives."""

    def __init__(self, owner: "FakeListener", site: RedirectSite, port: int) -> None:
        self.site = site
        self.port = port
        self.closed = False
        self.is_shown = False
        """Whether the browser has been shown the outcome."""
        self._owner = owner
        self._page: asyncio.Task[Outcome] | None = None

    @property
    def redirect_uri(self) -> str:
        host = f"[{self.site.host}]" if ":" in self.site.host else self.site.host
        return f"http://{host}:{self.port}{self.site.path}"

    def deliver(self, query: str) -> Verdict:
        """The browser arrives at the redirect URI with this raw query string."""
        assert not self.closed, "nothing listens any more"
        verdict = self.site.on_response(query)
        if verdict is Verdict.TAKEN and self._page is None:
            self._page = asyncio.create_task(self._show(), name="page of the outcome")
        return verdict

    async def shown(self) -> Outcome:
        """What the page says in the end; only after a response was TAKEN."""
        assert self._page is not None, "the browser was never moved to the outcome"
        return await asyncio.shield(self._page)

    async def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self._owner.taken.discard(self.port)
        if self._page is not None:
            await asyncio.wait([self._page], timeout=5)
            self._page.cancel()

    async def _show(self) -> Outcome:
        outcome = await self.site.outcome()
        self.is_shown = True
        return outcome


class FakeListener:
    """Gives redirect URIs; remembers every listener in `opened`."""

    def __init__(self) -> None:
        self.opened: list[FakeOpenListener] = []
        self.taken: set[int] = set()
        self._refusals: deque[BrokerError] = deque()

    @property
    def last(self) -> FakeOpenListener:
        """The one that was opened last."""
        return self.opened[-1]

    def refuse(self, error: BrokerError) -> None:
        """Let the next `open` raise `error`."""
        self._refusals.append(error)

    async def open(self, site: RedirectSite) -> FakeOpenListener:
        if self._refusals:
            raise self._refusals.popleft()
        _require_loopback(site)
        port = site.port or self._free_port()
        if port in self.taken:
            raise PortInUseError(host=site.host, port=port)
        self.taken.add(port)
        listener = FakeOpenListener(self, site, port)
        self.opened.append(listener)
        return listener

    def _free_port(self) -> int:
        return FIRST_FREE_PORT + len(self.opened)


def _require_loopback(site: RedirectSite) -> None:
    address = site.bind or site.host
    if address == "localhost":
        return
    try:
        is_loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise BadRequestError(what=f"{address!r} is not a literal loopback address")
