"""A login that waits for one response, and the real listener in front of it."""

import asyncio
from typing import Self
from urllib.parse import urlsplit

from broker.model.redirect import Outcome, RedirectSite, ResponseMode, Verdict
from broker.model.time import Seconds
from broker.net.loopback import LoopbackListener, OpenLoopback

OURS = "code=c&state=s"


class Waiting:
    """A login that waits for `OURS`, and the listener in front of it."""

    def __init__(self, *, linger: float = 5, idle: float = 5) -> None:
        self.queries: list[str] = []
        self.asked = asyncio.Semaphore(0)
        """Released by each page that asks for the outcome."""
        self.ended: asyncio.Future[Outcome] = asyncio.Future()
        self._listener = LoopbackListener(linger=Seconds(linger), idle=Seconds(idle))
        self._opened: list[OpenLoopback] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(
        self,
        *,
        host: str = "127.0.0.1",
        bind: str | None = None,
        port: int = 0,
        path: str = "/",
        success_message: str | None = None,
        mode: ResponseMode = ResponseMode.QUERY,
    ) -> OpenLoopback:
        site = RedirectSite(
            host=host,
            bind=bind,
            port=port,
            path=path,
            success_message=success_message,
            mode=mode,
            on_response=self._decide,
            outcome=self._outcome,
        )
        self._opened.append(await self._listener.open(site))
        return self._opened[-1]

    async def close(self) -> None:
        if not self.ended.done():
            self.ended.set_result(Outcome.FAILED)
        for opened in self._opened:
            await opened.close()

    def _decide(self, query: str) -> Verdict:
        self.queries.append(query)
        return Verdict.TAKEN if query == OURS else Verdict.STRAY

    async def _outcome(self) -> Outcome:
        self.asked.release()
        return await asyncio.shield(self.ended)


def origin_of(opened: OpenLoopback) -> str:
    return f"http://{urlsplit(opened.redirect_uri).netloc}"


def port_of(opened: OpenLoopback) -> int:
    return urlsplit(opened.redirect_uri).port or 0
