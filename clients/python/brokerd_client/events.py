"""The stream of `GET /v1/events`: lines of JSON, read as they come."""

from __future__ import annotations

from brokerd_client.errors import reply_malformed
from brokerd_client.transport import broker_error, stream
from brokerd_client.wire import (
    MAX_REPLY_BYTES,
    SUCCESS,
    ReplyReader,
    decode_json,
    decode_reply,
    request_bytes,
)

TYPE_CHECKING = False  # see errors.py
if TYPE_CHECKING:
    from collections.abc import Generator

REQUEST = request_bytes("GET", "/v1/events")

_LAST = "stopping"


def listen(
    place: tuple[str, bool], timeout: float
) -> Generator[dict[str, object], None, None]:
    """Events one by one, until the broker says that it ends.

    Args:
        place: the socket's path, and whether someone named it (`find_socket`).
        timeout: seconds for the first one.

    Raises:
        BrokerError: no broker, its problem, or an end without a word.
    """
    reader = EventReader(place)
    for data in stream(place, REQUEST, timeout):
        yield from reader.feed(data)
        if reader.ended:
            return


class EventReader:
    """Makes events of bytes, however they are cut. Knows no sockets.

    Args:
        place: where the bytes come from, for errors.

    Attributes:
        ended: whether the last event has come; what follows is of no interest.
    """

    def __init__(self, place: tuple[str, bool]) -> None:
        self.ended = False
        self._place = place
        self._reply = ReplyReader()
        self._line = b""
        """The beginning of the next one."""

    def feed(self, data: bytes) -> list[dict[str, object]]:
        """The events that `data` completes; b"" is the end of the connection.

        Raises:
            BrokerUnreachableError: it ends before the last event.
            BrokerError: the answer is a problem document, or no stream of events.
        """
        try:
            self._reply.feed(data) if data else self._reply.end()
        except EOFError as exc:
            raise broker_error(exc, self._place, 0) from exc
        *lines, self._line = (self._line + self._reply.take()).split(b"\n")
        if len(self._line) > MAX_REPLY_BYTES:
            raise reply_malformed("a line of more than 1 MiB")
        events = [_event(line) for line in lines]
        self.ended = any(event["event"] == _LAST for event in events)
        if self._reply.reply is not None and not (self.ended or events):
            self._end_without_a_word()
        return events

    def _end_without_a_word(self) -> None:
        reply = self._reply.reply
        if reply is not None and reply.status not in SUCCESS:
            decode_reply(reply)  # raises what it says
        raise broker_error(EOFError(), self._place, 0)


def _event(line: bytes) -> dict[str, object]:
    value = decode_json(line)
    if not isinstance(value, dict) or not isinstance(value.get("event"), str):
        raise reply_malformed("a line that is no event")
    return value
