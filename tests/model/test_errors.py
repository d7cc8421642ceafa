"""Errors are facts with a stable code."""

import asyncio
import traceback

import pytest

from broker.model.errors import (
    BrokerError,
    ConfigError,
    IssuerOverloadedError,
    IssuerUnreachableError,
    LoginTimedOutError,
    UnknownAccountError,
    WrongPassphraseError,
)

KINDS = BrokerError.__subclasses__()


def test_every_code_is_there_once() -> None:
    codes = [kind.code for kind in KINDS]
    assert len(codes) == len(set(codes))
    assert all(code == code.lower() and code.isidentifier() for code in codes)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_every_error_says_in_its_docstring_what_happened(
    kind: type[BrokerError],
) -> None:
    assert kind.__doc__
    assert not kind.__doc__.startswith(kind.__name__)  # the dataclass's own


def test_an_error_carries_its_facts_by_name() -> None:
    error = LoginTimedOutError(account="work", seconds=300)
    assert error.facts() == {"account": "work", "seconds": 300, "browser_errors": ()}
    assert str(error) == "login_timed_out account='work' seconds=300 browser_errors=()"


def test_an_error_without_facts_is_its_code() -> None:
    assert WrongPassphraseError().facts() == {}
    assert str(WrongPassphraseError()) == "wrong_passphrase"


def test_a_fact_that_may_be_missing_is_told_as_none() -> None:
    assert IssuerOverloadedError(issuer="x").facts()["retry_after"] is None


def test_facts_are_named_so_that_none_is_passed_by_mistake() -> None:
    with pytest.raises(TypeError):
        UnknownAccountError("work")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "facts", [{}, {"account": "work"}, {"account": "work", "seconds": 1, "more": 2}]
)
def test_an_error_is_made_with_all_its_facts_and_no_others(
    facts: dict[str, object],
) -> None:
    with pytest.raises(TypeError, match="LoginTimedOutError has the fields"):
        LoginTimedOutError(**facts)  # type: ignore[arg-type]


def test_errors_stay_hashable_for_the_traceback_machinery() -> None:
    first, second = (ConfigError(path="p", what="w") for _ in range(2))
    assert first != second
    assert len({first, second}) == 2
    assert traceback.format_exception(first)


async def test_an_error_passes_through_a_task_to_everyone_who_awaits_it() -> None:
    async def fail() -> None:
        raise UnknownAccountError(account="work")

    task = asyncio.create_task(fail())
    first, second = await asyncio.gather(
        asyncio.shield(task), asyncio.shield(task), return_exceptions=True
    )
    assert first is second
    assert isinstance(first, UnknownAccountError)


def test_what_is_for_the_services_alone_is_shown_to_nobody() -> None:
    error = IssuerUnreachableError(issuer="x", what="cut off", sent=False)
    assert error.facts() == {"issuer": "x", "what": "cut off", "retry_after": None}
    assert "sent" not in str(error)
