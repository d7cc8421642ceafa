"""Which kind of account the options of `brokerctl add` name, and what goes with it.

An option that the kind has no use for is told: whoever gave it thinks that it does
something, and a key that nobody took would be said to be sealed.
"""

from collections.abc import Callable, Mapping

import msgspec

from broker.control import adding_derived, adding_google, adding_oauth
from broker.control.adding_words import AddWords, flag
from broker.control.broker import Json
from broker.control.output import bad_usage

_OF_ALL = frozenset({"name", "scope", "resource", "replace", "as_json"})
_HELP = "see `brokerctl add --help`"


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of account.

    Attributes:
        told: what it is called to a person.
        takes: options that it has a use for, beside `_OF_ALL`.
        body: the request for it.
    """

    told: str
    takes: frozenset[str]
    body: Callable[[AddWords], Json]


_CLIENT = frozenset(
    {
        *("issuer", "token_endpoint", "client_id", "client_secret_file", "param"),
        *("secret_in_body", "private_key_file", "key_id", "assertion_audience"),
        *("certificate_file", "certificate_key_file"),
    }
)
_BECOMES = frozenset({"impersonate", "delegate", "lifetime", "subject", "boundary"})

_NAMED: Mapping[str, Kind] = {
    "client_credentials": Kind(
        told="client credentials",
        takes=_CLIENT,
        body=adding_oauth.client_credentials_body,
    ),
    "exchange": Kind(
        told="an exchange",
        takes=frozenset(
            {
                *("from_account", "audience"),
                *("requested_token_type", "subject_token_type"),
            }
        )
        | _CLIENT,
        body=adding_derived.token_exchange_body,
    ),
    "jwt_bearer": Kind(
        told="a JWT bearer",
        takes=_CLIENT | {"subject", "claim", "assertion_issuer"},
        body=adding_oauth.jwt_bearer_body,
    ),
    "service_account": Kind(
        told="a service account",
        takes=_BECOMES | {"self_signed"},
        body=adding_google.google_body,
    ),
    "workload": Kind(told="a workload", takes=_BECOMES, body=adding_google.google_body),
}
"""By the option that names it."""

_FROM_GOOGLE = Kind(
    told="an account of Google's that is made of another one",
    takes=_BECOMES | {"from_account"},
    body=adding_google.google_body,
)
_VIEW = Kind(
    told="a view",
    takes=frozenset({"from_account", "allow_wider"}),
    body=adding_derived.view_body,
)

_BESIDE: Mapping[str, str] = {
    "key_id": "private_key_file",
    "assertion_audience": "private_key_file",
    "certificate_key_file": "certificate_file",
    "secret_in_body": "client_secret_file",
}
"""Options that say more about another one, and nothing without it."""


def body_of(words: AddWords) -> Json:
    """The request that these options mean.

    Raises:
        BrokerError: they name no kind, or several; or one of them is not for that kind,
            is missing, or names what cannot be read.
    """
    named = [option for option in _NAMED if words.get(option)]
    kind = _NAMED[named[0]] if len(named) == 1 else None
    if not named and words["from_account"]:
        becomes = words["impersonate"] or words["boundary"]
        kind = _FROM_GOOGLE if becomes else _VIEW
    if kind is None:
        flags = ", ".join(map(flag, _NAMED))
        raise bad_usage(f"name one kind of account: {flags}; or --from", _HELP)
    _check(words, kind, named)
    return kind.body(words)


def _check(words: AddWords, kind: Kind, named: list[str]) -> None:
    given = [name for name, value in words.items() if value not in (None, False, ())]
    takes = kind.takes | _OF_ALL | set(named)
    stray = [flag(name) for name in given if name not in takes]
    if stray:
        taken = ", ".join(sorted(map(flag, kind.takes | {"scope", "resource"})))
        raise bad_usage(
            f"{kind.told} has no use for {', '.join(stray)}", f"it takes {taken}"
        )
    for name, other in _BESIDE.items():
        if name in given and other not in given:
            raise bad_usage(f"{flag(name)} needs {flag(other)}", _HELP)
