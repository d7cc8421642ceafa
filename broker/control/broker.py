"""Calls to the daemon, as typed as brokerctl needs them; starts it where asked."""

from collections.abc import Iterator
from functools import partial

from broker.control.start import start_broker
from broker.ipc.problems import problem
from broker.model import errors
from brokerd_client import BrokerClient, BrokerError
from brokerd_client.errors import error_from_problem
from brokerd_client.wire import MAX_REPLY_BYTES

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
        largest: int = MAX_REPLY_BYTES,
    ) -> Json:
        """One request, as `BrokerClient.call`; a missing daemon is started first.

        Args:
            method: such as 'GET'.
            path: such as '/v1/status'.
            body: of the request, or None.
            start: whether a missing daemon is worth starting for this.
            timeout: seconds for the whole exchange.
            largest: bytes of an answer that are still taken.

        Raises:
            BrokerError: the daemon's answer, or that there is none.
        """
        ask = partial(
            self._client.call, method, path, body, timeout=timeout, largest=largest
        )
        try:
            answer = ask()
        except BrokerError as exc:
            if not start or exc.facts.get("cause") != "not_running":
                raise
            start_broker()
            answer = ask()
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


def members(answer: Json, name: str) -> list[Json]:
    """The list of objects at `name`, empty where it is something else."""
    value = answer.get(name)
    listed = value if isinstance(value, list) else []
    return [one for one in listed if isinstance(one, dict)]


def require_open(broker: Broker) -> Json:
    """The status, before the person is asked for what only an open store needs.

    Raises:
        BrokerError: there is no store, or it is locked.
    """
    status = broker.call("GET", "/v1/status")
    if text(status, "store") == "none":
        raise told(errors.NoAccountsError())
    if text(status, "store") == "locked":
        raise told(errors.LockedError(reason=text(status, "locked_because")))
    return status


def told(error: errors.BrokerError) -> BrokerError:
    """An error found here, in the words that the daemon has for it."""
    return error_from_problem(problem(error), 0)
