"""An issuer that fails, in every way we know of, costs nobody a grant."""

from collections.abc import Iterator

import pytest

from tests.faults.trial import Outcome, try_all
from tests.system.hunt import hunt
from tests.system.person import new_person

MEBIBYTE = 1024 * 1024
MOST_GROWTH = 20 * MEBIBYTE

CODES = {
    # No connection, or none that can be trusted.
    "refused": "issuer_unreachable",
    "no-such-host": "issuer_unreachable",
    "wrong-host": "issuer_unreachable",
    "mute": "issuer_unreachable",
    "tls-silence": "issuer_unreachable",
    # Too slow.
    "silence": "issuer_unreachable",
    "slow-header": "issuer_unreachable",
    "slow-body": "issuer_unreachable",
    "endless-continue": "issuer_unreachable",
    # Too much.
    "huge-body": "issuer_malformed",
    "gzip-bomb": "issuer_malformed",
    "endless-chunks": "issuer_malformed",
    "huge-token": "issuer_malformed",
    "cookie-flood": "issuer_malformed",
    "deep-json": "issuer_malformed",
    # Not now.
    "status-500": "issuer_unreachable",
    "status-502": "issuer_unreachable",
    "status-504": "issuer_unreachable",
    "status-503": "issuer_overloaded",
    "status-503-seconds": "issuer_overloaded",
    "status-429": "issuer_overloaded",
    "status-429-seconds": "issuer_overloaded",
    "status-429-date": "issuer_overloaded",
    # Not what the protocol says.
    "html": "issuer_malformed",
    "empty-object": "issuer_malformed",
    "list": "issuer_malformed",
    "null": "issuer_malformed",
    "nothing": "issuer_malformed",
    "bad-utf8": "issuer_malformed",
    "nan-life": "issuer_malformed",
    "infinite-life": "issuer_malformed",
    "negative-life": "issuer_malformed",
    "word-life": "issuer_malformed",
    "twice-a-key": "issuer_malformed",
    "newline-token": "issuer_malformed",
    "nul-token": "issuer_malformed",
    "not-http": "issuer_malformed",
    # Somebody in between.
    "redirect": "issuer_unreachable",
    "portal-redirect": "issuer_unreachable",
    "portal-511": "issuer_unreachable",
    # Unknown outcome.
    "reset": "issuer_unreachable",
    "drop": "issuer_unreachable",
    "cut-off": "issuer_unreachable",
    "commit-then-drop": "issuer_unreachable",
    "commit-then-drop-for-ever": "issuer_unreachable",
    # The issuer's own word.
    "invalid-client": "client_rejected",
    "invalid-scope": "scope_refused",
    "invalid-rapt": "reauthentication_required",
    "invalid-grant": "login_required",
    # Odd, but good answers.
    "cookies": "ok",
    "new-keys": "ok",
    "continue": "ok",
}
"""What a peer is told while the fault lasts."""

ENDS = {
    "invalid-grant": ("login_required", "dead"),
    "invalid-rapt": ("reauthentication_required", "reauthenticate"),
    # It was spent, and whoever spent it never heard: an issuer that forgives nothing
    # takes the second attempt for a thief's.
    "commit-then-drop-for-ever": ("login_required", "dead"),
}
"""The only faults after which a person is wanted: code and state of the account."""


@pytest.fixture(scope="module")
def outcomes() -> Iterator[dict[str, Outcome]]:
    with new_person() as person:
        yield try_all(person, list(CODES))
        hunt(person, ["access-", "refresh-"])


@pytest.mark.parametrize("fault", CODES)
def test_the_error_says_what_it_was(fault: str, outcomes: dict[str, Outcome]) -> None:
    assert outcomes[fault].code == CODES[fault], outcomes[fault].facts


@pytest.mark.parametrize("fault", CODES)
def test_it_costs_no_grant(fault: str, outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes[fault]
    assert (outcome.healed, outcome.state) == ENDS.get(fault, ("ok", "live"))


@pytest.mark.parametrize("fault", CODES)
def test_it_takes_little_memory(fault: str, outcomes: dict[str, Outcome]) -> None:
    assert outcomes[fault].growth < MOST_GROWTH


@pytest.mark.parametrize("fault", CODES)
def test_other_accounts_are_answered_meanwhile(
    fault: str, outcomes: dict[str, Outcome]
) -> None:
    assert outcomes[fault].calm == {"ok"}


def test_a_redirect_is_not_followed(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["redirect"].leaked == 0


def test_cookies_are_not_brought_back(outcomes: dict[str, Outcome]) -> None:
    cookies = {seen["cookie"] for one in outcomes.values() for seen in one.seen}
    assert cookies == {None}


@pytest.mark.parametrize("fault", ["huge-body", "endless-chunks"])
def test_a_flood_is_not_taken_to_its_end(
    fault: str, outcomes: dict[str, Outcome]
) -> None:
    # What the kernel holds between the two is counted, too.
    assert 0 < outcomes[fault].sent < MOST_GROWTH
