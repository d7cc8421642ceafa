"""The way from google-auth, in a thread, to the outbound door, on the loop.

google-auth asks and waits; the loop never does. Knows no credential.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import TypeVar

from google.auth import transport
from google.auth.exceptions import TransportError

from broker.model.errors import BrokerError
from broker.model.http import HttpRequest, HttpResponse
from broker.services.interfaces import HttpSender

_Result = TypeVar("_Result")


class LoopResponse(transport.Response):
    """An answer, in google-auth's form."""

    def __init__(self, response: HttpResponse) -> None:
        self._response = response

    @property
    def status(self) -> int:
        """Such as 200."""
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case."""
        return self._response.headers

    @property
    def data(self) -> bytes:
        """The body, at most the door's cap."""
        return self._response.body


class LoopRequest(transport.Request):
    """What google-auth sends requests with. For one conversation, from one thread.

    Redirects, the cap and the deadlines are those of the sender.

    Args:
        sender: the outbound door.
        loop: whose thread this must not be called on: it would wait for itself.

    Attributes:
        fault: what ended the conversation, in our words, or None.
    """

    def __init__(self, sender: HttpSender, loop: asyncio.AbstractEventLoop) -> None:
        self._sender = sender
        self._loop = loop
        self._lock = threading.Lock()
        self._pending: Future[HttpResponse] | None = None
        self._closed = False
        self.fault: BrokerError | None = None

    def __deepcopy__(self, _: dict[int, object]) -> "LoopRequest":
        """Itself: google-auth copies what it hands to a thread of its own."""
        return self

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **options: object,
    ) -> LoopResponse:
        """Send a request, and wait for the answer in this thread.

        Args:
            url: absolute.
            method: such as 'POST'.
            body: encoded.
            headers: in their usual spelling.
            timeout: in seconds; the door's own where it is None or longer.
            options: of other transports; a client certificate among them is refused.

        Raises:
            TransportError: and nothing else; `fault` says more.
        """
        if any(value is not None for value in options.values()):
            raise TransportError(f"brokerd does not send with {', '.join(options)}")
        request = HttpRequest(
            method=method, url=url, headers=dict(headers or {}), body=body or b""
        )
        try:
            return LoopResponse(self._begun(request, timeout).result())
        except BrokerError as exc:
            self.fault = exc
            # From None, without its facts: google-auth keeps exceptions, and logs them.
            raise TransportError(exc.code) from None
        except (TimeoutError, CancelledError):
            raise TransportError("no answer in time") from None

    def close(self) -> None:
        """Let the thread end: what is under way is given up, nothing more is sent."""
        with self._lock:
            self._closed = True
            pending = self._pending
        if pending is not None:
            pending.cancel()

    def _begun(
        self, request: HttpRequest, timeout: float | None
    ) -> Future[HttpResponse]:
        if _running_loop() is self._loop:
            raise TransportError("called on the thread of the loop")
        with self._lock:
            if self._closed or self._loop.is_closed():
                raise TransportError("nobody waits for it any more")
            sending = asyncio.wait_for(self._sender.send(request), timeout)
            self._pending = asyncio.run_coroutine_threadsafe(sending, self._loop)
            return self._pending


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


async def in_thread(work: Callable[[], _Result], *, name: str) -> _Result:
    """What `work` gives, from a thread of its own.

    Not one of the loop's pool: an issuer that does not answer would hold up all who
    wait for a place in it. The thread does not keep the daemon from ending.

    Args:
        work: is left alone where whoever waits is cancelled; see `LoopRequest.close`.
        name: of the thread.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[_Result] = loop.create_future()

    def run() -> None:
        done: Future[_Result] = Future()
        try:
            done.set_result(work())
        except BaseException as exc:  # noqa: BLE001 - raised again where it is awaited
            done.set_exception(exc)
        # The loop may have ended meanwhile: then nobody waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_hand_over, done, outcome)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await outcome


def _hand_over(done: "Future[_Result]", outcome: "asyncio.Future[_Result]") -> None:
    if outcome.cancelled():
        return
    error = done.exception()
    if error is None:
        outcome.set_result(done.result())
    else:
        outcome.set_exception(error)
