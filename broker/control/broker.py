"""Calls to the daemon, as typed as brokerctl needs them; starts it where asked."""

from collections.abc import Iterator

from broker.control.start import start_broker
from brokerd_client import BrokerClient, BrokerError

Json = dict[str, object]


class Broker:
    """The daemon at the other end of the socket."""

    def __init__(self) -> None:
        self._client = BrokerClient()

    def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        start: bool = True,
        timeout: float | None = None,
    ) -> Json:
        """One request, as `BrokerClient.call`; a missing daemon is started first.

        Args:
            method: such as 'GET'.
            path: such as '/v1/status'.
            body: of the request, or None.
            start: whether a missing daemon is worth starting for this.
            timeout: seconds for the whole exchange.

        Raises:
            BrokerError: the daemon's answer, or that there is none.
        """
        try:
            answer = self._client.call(method, path, body, timeout=timeout)
        except BrokerError as exc:
            if not start or exc.facts.get("cause") != "not_running":
                raise
            start_broker()
            answer = self._client.call(method, path, body, timeout=timeout)
        return answer if isinstance(answer, dict) else {}

    def events(self, *, start: bool) -> Iterator[Json]:
        """What happens, as `BrokerClient.events`; a missing daemon is started first.

        Args:
            start: whether it may be.

        Raises:
            BrokerError: there is none, or it went without a word.
        """
        try:
            yield from self._client.events()
        except BrokerError as exc:
            if not start or exc.facts.get("cause") != "not_running":
                raise
            start_broker()
            yield from self._client.events()


def texts(answer: Json, name: str) -> list[str]:
    """The list of strings at `name`, empty where it is something else."""
    value = answer.get(name)
    return [str(item) for item in value] if isinstance(value, list) else []


def text(answer: Json, name: str) -> str:
    """The string at `name`, empty where there is none."""
    value = answer.get(name)
    return "" if value is None else str(value)
