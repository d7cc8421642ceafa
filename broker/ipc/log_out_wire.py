"""Log-outs on the socket, as typed values. Pure: no network, no clock.

The shapes are those of clients/PROTOCOL.md.
"""

from collections.abc import Mapping

from broker.ipc.wire import parse_flags
from broker.model.errors import BadRequestError
from broker.services.accounts import LogOut, LogOutOptions


def log_out_reply(done: LogOut) -> dict[str, object]:
    """Answer of `DELETE /v1/accounts/NAME`."""
    return {
        "account": done.account,
        "revoked": done.revoked,
        "pending": done.pending,
        "left": list(done.left),
        "end_session_url": done.end_session_url,
    }


def log_out_options(query: Mapping[str, str]) -> LogOutOptions:
    """How a person logs out, from the query of `DELETE /v1/accounts/NAME`.

    Raises:
        BadRequestError: as `parse_flags`; or two that exclude each other.
    """
    flags = parse_flags(query, "local_only", "keep_sign_in", "require_revoked")
    if flags["local_only"] and flags["require_revoked"]:
        what = "local_only asks nobody to revoke, so require_revoked cannot be met"
        raise BadRequestError(what=what)
    return LogOutOptions(**flags)
