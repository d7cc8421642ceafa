"""The D-Bus of the person's session, as far as notifications need it. Linux.

Source: the D-Bus specification; jeepney's own threads print a traceback where the bus
goes away.
"""

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from broker.control.ways import WayFailedError

if TYPE_CHECKING:
    from jeepney import Message

CALL_SECONDS = 5.0


class SessionBus:
    """A connection of our own.

    Args:
        on_signal: is told of every signal, in a thread; must not call.
    """

    def __init__(self, on_signal: Callable[["Message"], None]) -> None:
        """Connect.

        Raises:
            WayFailedError: there is no such bus.
        """
        try:
            # Late: none of it is needed by other commands, nor on other systems.
            from jeepney.io.threading import (  # noqa: PLC0415
                open_dbus_connection,
            )

            self._connection = open_dbus_connection("SESSION")
        except (ImportError, KeyError, OSError, ValueError, RuntimeError) as exc:
            # KeyError: no address is in the environment.
            raise WayFailedError("there is no session bus here") from exc
        self._on_signal = on_signal
        self._replies: dict[int, Future[Message]] = {}
        self._lock = Lock()
        self._is_open = True
        Thread(target=self._listen, name="session bus", daemon=True).start()

    def call(self, message: "Message") -> tuple[tuple[Any, ...], str]:
        """The body of the reply, and the unique name of who has sent it.

        Raises:
            WayFailedError: it was refused, or nobody answers.
        """
        from jeepney import MessageType  # noqa: PLC0415 - as above

        if not self._is_open:
            raise WayFailedError("the session bus has gone")
        future: Future[Message] = Future()
        with self._lock:
            serial = next(self._connection.outgoing_serial)
            self._replies[serial] = future
        try:
            self._connection.send(message, serial=serial)
            reply = future.result(CALL_SECONDS)
        except (OSError, TimeoutError, CancelledError) as exc:
            raise WayFailedError("nobody answers on the session bus") from exc
        finally:
            self._replies.pop(serial, None)
        if reply.header.message_type is MessageType.error:
            raise WayFailedError("the session bus refuses it")
        return reply.body, _sender(reply)

    def close(self) -> None:
        """Hear no more."""
        self._is_open = False
        with suppress(OSError):  # the bus went first
            self._connection.interrupt()

    def _listen(self) -> None:
        from jeepney import HeaderFields, MessageType  # noqa: PLC0415 - as above

        try:
            while self._is_open:
                message = self._connection.receive()
                answered = message.header.fields.get(HeaderFields.reply_serial, -1)
                future = self._replies.get(answered)
                if future is not None:
                    future.set_result(message)
                elif message.header.message_type is MessageType.signal:
                    self._on_signal(message)
        except Exception:  # noqa: BLE001 - whatever it is, the bus is of no use any more
            self._is_open = False
        finally:
            for future in list(self._replies.values()):
                future.cancel()
            self._connection.close()


def _sender(message: "Message") -> str:
    from jeepney import HeaderFields  # noqa: PLC0415 - as above

    return str(message.header.fields.get(HeaderFields.sender, ""))
