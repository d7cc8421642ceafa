"""What is said of the store and its keys."""

import pytest

from broker.model.account import AccountName
from broker.model.finding import Finding, Level
from broker.model.store import Health, Slot, SourceFacts
from broker.model.time import UnixTime
from broker.services.resaving import Degraded
from broker.services.store_findings import key_findings, open_findings
from broker.store.keys import names

WELL = Health(generation=7, remembered=7, opened_by=1)
PLAIN = Slot(number=1, source="plain", is_in_use=True)
KEYRING = Slot(number=2, source="secret-service")
PHRASE = Slot(number=3, source="passphrase")
DEGRADED = Degraded(
    since=UnixTime(1), accounts=(AccountName("work"),), what="disk full"
)


def sources(*working: str) -> list[SourceFacts]:
    everything = ("systemd-credential", "secret-service", "plain", "passphrase")
    return [
        SourceFacts(
            name=name,
            works=name in working,
            reason=None if name in working else f"no {name}",
        )
        for name in everything
    ]


@pytest.fixture(autouse=True)
def _on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    choice = names.automatic_choice("linux")
    where = "broker.services.store_findings.automatic_choice"
    monkeypatch.setattr(where, lambda: choice)


def source_finding(*slots: Slot, works: tuple[str, ...] = ()) -> Finding:
    found, _ = key_findings(slots, sources(*works, "plain", "passphrase"))
    assert found.check == "key-source"
    return found


# --- the store ---------------------------------------------------------------------


def test_a_store_that_is_whole_is_told_with_both_counts() -> None:
    (found,) = open_findings(WELL, None, None)
    assert found.level is Level.OK
    assert "seen 7 writes" in found.what


@pytest.mark.parametrize(
    ("health", "page_fault", "degraded", "level", "says"),
    [
        (Health(generation=7, damaged=2), None, None, Level.ERROR, "2 records"),
        (Health(generation=7, is_altered=True), None, None, Level.ERROR, "missing"),
        (
            Health(generation=9, remembered=9, is_old_copy=True),
            None,
            None,
            Level.WARNING,
            "the 9 writes",
        ),
        (WELL, "row 3 missing", None, Level.ERROR, "row 3 missing"),
        (WELL, None, DEGRADED, Level.ERROR, "work are in memory alone: disk full"),
    ],
)
def test_each_fault_is_told_alone_and_with_what_to_do(
    health: Health,
    page_fault: str | None,
    degraded: Degraded | None,
    level: Level,
    says: str,
) -> None:
    (found,) = open_findings(health, page_fault, degraded)
    assert found.level is level
    assert says in found.what
    assert found.hint


def test_all_faults_are_told_together() -> None:
    health = Health(
        generation=7, remembered=9, is_old_copy=True, is_altered=True, damaged=2
    )
    assert len(list(open_findings(health, "row 3", DEGRADED))) == 5


# --- where the key is --------------------------------------------------------------


def test_a_key_file_is_explained_by_what_does_not_work_here() -> None:
    found = source_finding(PLAIN)
    assert found.level is Level.OK
    assert "systemd-credential (no systemd-credential)" in found.what
    assert "secret-service (no secret-service)" in found.what


def test_a_key_file_is_a_warning_where_the_keyring_works() -> None:
    found = source_finding(PLAIN, works=("secret-service",))
    assert found.level is Level.WARNING
    assert "secret-service works here now" in found.what
    assert "key add secret-service" in str(found.hint)
    assert "key remove 1" in str(found.hint)


def test_the_weakest_way_in_is_how_well_the_store_is_kept() -> None:
    both = source_finding(PLAIN, KEYRING, works=("secret-service",))
    assert both.what.startswith("plain: ")
    only = source_finding(KEYRING, PHRASE, works=("secret-service",))
    assert only.what.startswith("secret-service: ")
    assert only.level is Level.OK


def test_a_passphrase_is_never_advised_against() -> None:
    found = source_finding(PHRASE, works=("secret-service", "systemd-credential"))
    assert found.level is Level.OK
    assert found.hint is None


@pytest.mark.parametrize(
    ("slots", "level"),
    [
        ([KEYRING], Level.WARNING),
        ([KEYRING, PHRASE], Level.OK),
        ([PLAIN], Level.OK),
        ([PHRASE], Level.OK),
    ],
)
def test_a_keeper_that_can_be_lost_should_not_be_the_only_way_in(
    slots: list[Slot], level: Level
) -> None:
    _, found = key_findings(slots, sources("plain"))
    assert (found.check, found.level) == ("slots", level)
    assert (found.hint is not None) == (level is Level.WARNING)
