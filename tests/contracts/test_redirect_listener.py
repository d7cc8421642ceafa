"""What every `RedirectListener` promises: run on the fake and on the real one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import pytest

from broker.model.errors import BadRequestError, PortInUseError
from broker.model.redirect import Outcome, RedirectSite, ResponseMode, Verdict
from broker.net.loopback import LoopbackListener
from broker.services.interfaces import (
    OpenListener,
    RedirectListener,
)
from tests.contracts.browser import Shown, follow, get, post
from tests.fakes.listener import FakeListener, FakeOpenListener

OURS = "code=c&state=s"


class Rig:
    """A listener, a login that takes `OURS`, and a browser."""

    shown: Shown
    """What the browser was answered last."""

    def __init__(self, listener: RedirectListener, stack: AsyncExitStack) -> None:
        self.listener = listener
        self.queries: list[str] = []
        self.mode = ResponseMode.QUERY
        self.outcome: asyncio.Future[Outcome] = asyncio.Future()
        self.redirected: OpenListener | None = None
        self._stack = stack

    async def open(
        self,
        *,
        host: str = "127.0.0.1",
        bind: str | None = None,
        port: int = 0,
        path: str = "/",
        mode: ResponseMode = ResponseMode.QUERY,
    ) -> OpenListener:
        async def outcome() -> Outcome:
            return await asyncio.shield(self.outcome)

        self.mode = mode
        site = RedirectSite(
            host=host,
            bind=bind,
            port=port,
            path=path,
            mode=mode,
            on_response=self._decide,
            outcome=outcome,
        )
        opened = await self.listener.open(site)
        self._stack.push_async_callback(opened.close)
        return opened

    def _decide(self, query: str) -> Verdict:
        self.queries.append(query)
        return Verdict.TAKEN if query == OURS else Verdict.STRAY

    async def deliver(self, opened: OpenListener, query: str) -> Verdict:
        if isinstance(opened, FakeOpenListener):
            verdict = opened.deliver(query)
        else:
            self.shown = await self._send(opened, query)
            verdict = {303: Verdict.TAKEN, 400: Verdict.STRAY}[self.shown.status]
        if verdict is Verdict.TAKEN:
            self.redirected = opened
        return verdict

    async def _send(self, opened: OpenListener, response: str) -> Shown:
        if self.mode is ResponseMode.FORM_POST:
            return await post(opened.redirect_uri, response)
        return await get(f"{opened.redirect_uri}?{response}")

    async def leave(self) -> None:
        """End the login, and let the browser see it, so that nobody waits."""
        if self.redirected is not None and not self.outcome.done():
            self.outcome.set_result(Outcome.FAILED)
            await self.browser_at_outcome(self.redirected)

    def browser_at_outcome(self, opened: OpenListener) -> Awaitable[object]:
        """The browser that follows the redirect."""
        if isinstance(opened, FakeOpenListener):
            return opened.shown()
        parts = urlsplit(opened.redirect_uri)
        return follow(self.shown, f"http://{parts.netloc}")


@pytest.fixture(params=[FakeListener, LoopbackListener], ids=["fake", "real"])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    async with AsyncExitStack() as stack:
        made = Rig(request.param(), stack)
        yield made
        await made.leave()


async def test_the_redirect_uri_has_host_port_and_path(rig: Rig) -> None:
    parts = urlsplit((await rig.open(path="/a/b")).redirect_uri)
    assert (parts.scheme, parts.hostname, parts.path) == ("http", "127.0.0.1", "/a/b")
    assert parts.port


async def test_an_ipv6_address_stands_in_brackets(rig: Rig) -> None:
    opened = await rig.open(host="::1")
    assert opened.redirect_uri.startswith("http://[::1]:")


async def test_localhost_stays_localhost_in_the_redirect_uri(rig: Rig) -> None:
    opened = await rig.open(host="localhost")
    assert opened.redirect_uri.startswith("http://localhost:")


async def test_two_listeners_have_two_ports(rig: Rig) -> None:
    first, second = await rig.open(), await rig.open()
    assert first.redirect_uri != second.redirect_uri


@pytest.mark.parametrize(
    ("host", "bind"),
    [
        ("example.com", None),
        ("192.0.2.1", None),
        ("0.0.0.0", None),  # noqa: S104 - it is refused
        ("::", None),
        ("", None),
        ("127.0.0.1", "0.0.0.0"),  # noqa: S104 - it is refused
        ("localhost", "192.0.2.1"),
    ],
)
async def test_only_a_literal_loopback_address_is_listened_to(
    rig: Rig, host: str, bind: str | None
) -> None:
    with pytest.raises(BadRequestError):
        await rig.open(host=host, bind=bind)


async def test_a_taken_port_is_refused_and_free_again_after_close(rig: Rig) -> None:
    opened = await rig.open()
    port = urlsplit(opened.redirect_uri).port or 0
    with pytest.raises(PortInUseError) as refused:
        await rig.open(port=port)
    assert (refused.value.host, refused.value.port) == ("127.0.0.1", port)
    await opened.close()
    assert urlsplit((await rig.open(port=port)).redirect_uri).port == port


async def test_the_query_arrives_as_it_was_sent(rig: Rig) -> None:
    opened = await rig.open()
    await rig.deliver(opened, "a=%2B+b&a=1&iss=https%3A%2F%2Fx&=&%zz")
    assert rig.queries == ["a=%2B+b&a=1&iss=https%3A%2F%2Fx&=&%zz"]


async def test_a_form_arrives_as_it_was_sent(rig: Rig) -> None:
    opened = await rig.open(mode=ResponseMode.FORM_POST)
    assert await rig.deliver(opened, "a=%2B+b&=&%zz") is Verdict.STRAY
    assert await rig.deliver(opened, OURS) is Verdict.TAKEN
    assert rig.queries == ["a=%2B+b&=&%zz", OURS]


async def test_strays_do_not_end_the_waiting(rig: Rig) -> None:
    opened = await rig.open()
    for _ in range(3):
        assert await rig.deliver(opened, "error=access_denied") is Verdict.STRAY
    assert await rig.deliver(opened, OURS) is Verdict.TAKEN


async def test_a_response_that_arrives_twice_is_taken_twice(rig: Rig) -> None:
    opened = await rig.open()
    verdicts = [await rig.deliver(opened, OURS) for _ in range(2)]
    assert verdicts == [Verdict.TAKEN, Verdict.TAKEN]


async def test_closing_twice_is_closing_once(rig: Rig) -> None:
    opened = await rig.open()
    await opened.close()
    await opened.close()


async def test_a_browser_on_its_way_is_shown_the_outcome_before_the_end(
    rig: Rig,
) -> None:
    opened = await rig.open()
    await rig.deliver(opened, OURS)
    browser = asyncio.ensure_future(rig.browser_at_outcome(opened))
    closing = asyncio.create_task(opened.close())
    await asyncio.sleep(0)
    assert not closing.done()
    rig.outcome.set_result(Outcome.SIGNED_IN)
    await asyncio.wait_for(closing, 4)
    await browser
