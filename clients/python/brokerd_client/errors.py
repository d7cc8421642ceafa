"""Every error of the client: what a problem document says, as an exception.

The sentence and the hint of the broker's errors come from the broker; only what
the client finds out by itself, before or instead of an answer, is worded here.
"""

from __future__ import annotations

TYPE_CHECKING = False  # the typing module would cost a tenth of `brokerctl token`
if TYPE_CHECKING:
    from collections.abc import Mapping

_RETRYABLE = frozenset(
    {
        "broker_unreachable",
        "grant_changed",
        "issuer_malformed",
        "issuer_overloaded",
        "issuer_unreachable",
    }
)
_PROBLEM_MEMBERS = frozenset({"type", "title", "status", "code", "detail", "hint"})
_SERVICE_UNAVAILABLE = 503


class BrokerError(Exception):
    """A token, or whatever was asked for, cannot be had.

    Attributes:
        code: the stable name to branch on, such as 'login_required'.
        detail: one sentence for people.
        hint: what to do next, or an empty string.
        retryable: whether the same call may succeed later without anyone's help.
        status: the HTTP status of the answer, or None where there was none.
        facts: the further members of the problem document, such as 'account'.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        hint: str = "",
        *,
        status: int | None = None,
        facts: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(code, detail, hint)
        self.code = code
        self.detail = detail
        self.hint = hint
        self.retryable = code in _RETRYABLE or status == _SERVICE_UNAVAILABLE
        self.status = status
        self.facts: dict[str, object] = dict(facts or {})

    def __str__(self) -> str:
        return f"{self.detail} ({self.hint})" if self.hint else self.detail

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword arguments are lost by Exception's own: pools pickle exceptions.
        return (_rebuild, (type(self), self.args, self.status, self.facts))

    def problem(self) -> dict[str, object]:
        """The problem document (RFC 9457) of this error.

        Shape: `{"type", "title", "status"?, "code", "detail", "hint", ...facts}`.
        """
        document: dict[str, object] = {
            "type": f"urn:brokerd:problem:{self.code}",
            "title": self.code.replace("_", " ").capitalize(),
            "code": self.code,
            "detail": self.detail,
            "hint": self.hint,
        }
        if self.status is not None:
            document["status"] = self.status
        return {**self.facts, **document}


class AccountNeededError(BrokerError):
    """No account was named, there is no default, and there are several."""


class BrokerUnreachableError(BrokerError):
    """No answer. `facts["cause"]` is one of `CAUSES`."""

    CAUSES = ("not_running", "no_access", "timed_out", "hung_up")


class IssuerUnreachableError(BrokerError):
    """The broker has no answer of the issuer, and no token that still lives."""


class LockedError(BrokerError):
    """The broker's store is locked: the person must unlock it."""


class LoginRequiredError(BrokerError):
    """The person must sign in (again): `brokerctl login`."""


class NotPermittedError(BrokerError):
    """This program may not do this on this socket."""


class ReauthenticationRequiredError(LoginRequiredError):
    """The grant lives, but the issuer wants to see the person again."""


class RefreshRefusedError(BrokerError):
    """The issuer refused the request; the grant is not known to be dead."""


class ReplyMalformedError(BrokerError):
    """What answered does not speak the protocol, or the answer is over the cap."""


class ScopeNotGrantedError(BrokerError):
    """More scopes were asked for than the person granted, or the issuer gives."""


class SocketNotTrustedError(BrokerError):
    """A stranger may be at the other end of the socket. Nothing was sent."""


class UnknownAccountError(BrokerError):
    """No account has this name; or none was named, and there is none at all."""


_KINDS: dict[str, type[BrokerError]] = {
    "account_needed": AccountNeededError,
    "broker_unreachable": BrokerUnreachableError,
    "issuer_malformed": IssuerUnreachableError,
    "issuer_overloaded": IssuerUnreachableError,
    "issuer_unreachable": IssuerUnreachableError,
    "locked": LockedError,
    "login_required": LoginRequiredError,
    "no_accounts": UnknownAccountError,
    "not_permitted": NotPermittedError,
    "policy_refused": RefreshRefusedError,
    "reauthentication_required": ReauthenticationRequiredError,
    "refresh_refused": RefreshRefusedError,
    "reply_malformed": ReplyMalformedError,
    "scope_not_granted": ScopeNotGrantedError,
    "scope_refused": ScopeNotGrantedError,
    "socket_not_trusted": SocketNotTrustedError,
    "unknown_account": UnknownAccountError,
}


def error_from_problem(document: object, status: int) -> BrokerError:
    """The error that a problem document states.

    Args:
        document: the decoded body; anything else than a problem document of the
            broker gives a `ReplyMalformedError`.
        status: the HTTP status that came with it.
    """
    if not isinstance(document, dict) or not isinstance(document.get("code"), str):
        return reply_malformed(f"an error {status} without a problem document")
    code = document["code"]
    return _KINDS.get(code, BrokerError)(
        code,
        str(document.get("detail") or document.get("title") or code),
        str(document.get("hint") or ""),
        status=status,
        facts={k: v for k, v in document.items() if k not in _PROBLEM_MEMBERS},
    )


def not_running(path: str, *, named: bool) -> BrokerUnreachableError:
    """Nobody listens at `path`, which may have been `named` by someone."""
    hint = "start it with 'brokerd', or let any brokerctl command start it"
    if named:  # whatever is started listens at the default place
        hint = (
            "nobody listens there; unset BROKERD_SOCKET, or name no socket, to use "
            "the broker that brokerctl starts"
        )
    return BrokerUnreachableError(
        "broker_unreachable",
        f"no broker is listening at {path}",
        hint,
        facts={"cause": "not_running", "socket": path},
    )


def unreachable(path: str, what: str, hint: str, cause: str) -> BrokerUnreachableError:
    """The broker at `path` gave no answer, because of `what`."""
    return BrokerUnreachableError(
        "broker_unreachable",
        f"the broker at {path} {what}",
        hint,
        facts={"cause": cause, "socket": path},
    )


def reply_malformed(what: str) -> ReplyMalformedError:
    """The answer is `what`, which the protocol does not know."""
    return ReplyMalformedError(
        "reply_malformed",
        f"the broker sent {what}",
        "check that the socket is brokerd's and that both have the same version",
    )


def not_trusted(path: str, what: str) -> SocketNotTrustedError:
    """The socket at `path` is not to be trusted: `what`."""
    return SocketNotTrustedError(
        "socket_not_trusted",
        f"the socket {path} is not trusted: {what}",
        "nothing was sent; find out who made it, and name the right one "
        "with BROKERD_SOCKET",
        facts={"socket": path},
    )


def extra_missing(extra: str, needs: str) -> ImportError:
    """The module of this package that `extra` is for lacks what the extra installs."""
    module = f"brokerd_client.{extra}"
    what = f"{module} needs {needs}: install brokerd-client with its extra '{extra}'"
    return ImportError(what, name=module)


def _rebuild(
    kind: type[BrokerError],
    said: tuple[str, str, str],
    status: int | None,
    facts: dict[str, object],
) -> BrokerError:
    return kind(*said, status=status, facts=facts)
