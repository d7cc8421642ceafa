"""`brokerctl import`: Google's credentials without a person, as requests."""

from collections.abc import Sequence
from urllib.parse import quote

import msgspec

from broker.control.broker import Broker, Json, text
from broker.control.foreign.found import Found
from broker.control.output import tell_note
from brokerd_client import BrokerError

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
"""What gcloud asks for where nobody names a scope."""

KEY_GOES_ON = "Nothing rotates, so that the file goes on working elsewhere."

_UNDOING_SECONDS = 30


class Call(msgspec.Struct, frozen=True):
    """One request, that makes an account."""

    method: str
    path: str
    body: Json


def without_a_person(found: Found, name: str, scopes: list[str]) -> Call:
    """A key, or a workload's configuration, which may become another account."""
    credentials = None if found.credentials is None else found.credentials.reveal()
    return _put(found, name, scopes, "credentials", credentials)


def impersonated(found: Found, name: str, source: str, scopes: list[str]) -> Call:
    """A service account that the account `source` becomes."""
    return _put(found, name, scopes, "from", source)


def _put(
    found: Found, name: str, scopes: list[str], begin: str, with_what: str | None
) -> Call:
    body: Json = {
        "kind": "google",
        begin: with_what,
        "scopes": scopes or list(found.scopes) or [CLOUD_PLATFORM],
        "impersonate": found.becomes,
        "delegates": list(found.delegates) or None,
    }
    given = {member: value for member, value in body.items() if value is not None}
    return Call("PUT", account_path(name), given)


def account_path(name: str) -> str:
    """Of an account on the socket."""
    return f"/v1/accounts/{quote(name, safe='')}"


def all_or_none(calls: Sequence[Call], broker: Broker, seconds: float) -> Json:
    """The answer to the last of the requests; if one fails, nothing is taken over.

    But for what its issuer has given a new refresh token for: that is told, and stays.

    Raises:
        BrokerError: of the first that failed.
    """
    answer: Json = {}
    made: list[Json] = []
    for call in calls:
        try:
            answer = broker.call(call.method, call.path, call.body, timeout=seconds)
        except BrokerError:
            for one in made:
                _undo(one, broker)
            raise
        made.append(answer)
    return answer


def _undo(made: Json, broker: Broker) -> None:
    name = text(made, "account")
    if made.get("rotated"):
        # To forget it would lose the sign-in for both: the tool's copy is void.
        tell_note(f"{name!r} is taken over, since the tool's copy of it is void now")
        return
    # The tool's own copy goes on working: nobody is asked to revoke it.
    path = f"{account_path(name)}?local_only=true"
    try:
        broker.call("DELETE", path, timeout=_UNDOING_SECONDS)
    except BrokerError as exc:
        tell_note(f"{name!r} is taken over, and could not be forgotten: {exc.detail}")
