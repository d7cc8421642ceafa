"""What is said of folders, disk and process."""

import pytest
from msgspec.structs import replace

from broker.model.finding import Finding, Level
from broker.model.premises import DiskFacts, FileFacts, Premises, ProcessFacts
from broker.services.premises_findings import (
    LITTLE_ROOM_BYTES,
    NO_ROOM_BYTES,
    premises_findings,
)
from tests.services.world import PREMISES

MUCH = 2**40


def of(check: str, premises: Premises) -> list[Finding]:
    return [one for one in premises_findings(premises) if one.check == check]


def test_where_all_is_well_each_check_says_so_and_gives_no_advice() -> None:
    found = premises_findings(PREMISES)
    assert [one.check for one in found] == [
        "state-folder",
        "runtime-folder",
        "config",
        "disk",
        "process",
    ]
    assert {one.level for one in found} == {Level.OK}
    assert {one.hint for one in found} == {None}


def test_folders_that_are_not_made_yet_are_no_fault() -> None:
    runtime = replace(PREMISES.runtime, is_there=False, names=frozenset())
    (found,) = of("runtime-folder", replace(PREMISES, runtime=runtime))
    assert found.level is Level.OK
    assert "not there yet" in found.what


@pytest.mark.parametrize(
    ("fault", "says", "advises"),
    [
        (
            FileFacts(path="/state/a.key", fault="is open", is_open=True),
            "/state/a.key is open",
            "chmod 600 /state/a.key",
        ),
        (
            FileFacts(path="/state/x", fault="belongs to user 7"),
            "/state/x belongs to user 7",
            "who put it there",
        ),
        (
            FileFacts(path="/state", fault="is a symbolic link"),
            "/state is a symbolic link",
            "BROKERD_STATE_DIR",
        ),
    ],
)
def test_what_is_not_the_persons_alone_is_an_error_with_what_to_do(
    fault: FileFacts, says: str, advises: str
) -> None:
    state = replace(PREMISES.state, faults=(fault,))
    (found,) = of("state-folder", replace(PREMISES, state=state))
    assert found.level is Level.ERROR
    assert found.what == says
    assert advises in str(found.hint)


def test_a_configuration_that_the_next_daemon_refuses_is_told_before_it_does() -> None:
    premises = replace(PREMISES, config_fault="network.prxy is not known")
    (found,) = of("config", premises)
    assert found.level is Level.ERROR
    assert found.what == "/config/config.toml: network.prxy is not known"


@pytest.mark.parametrize(
    ("disk", "level"),
    [
        (DiskFacts(free_bytes=LITTLE_ROOM_BYTES), Level.OK),
        (DiskFacts(free_bytes=LITTLE_ROOM_BYTES - 1), Level.WARNING),
        (DiskFacts(free_bytes=NO_ROOM_BYTES), Level.WARNING),
        (DiskFacts(free_bytes=NO_ROOM_BYTES - 1), Level.ERROR),
        (DiskFacts(free_bytes=0), Level.ERROR),
        (DiskFacts(free_bytes=MUCH, free_files=3), Level.ERROR),
        (DiskFacts(free_bytes=MUCH, free_files=1000), Level.OK),
    ],
)
def test_a_disk_is_told_before_it_is_full(disk: DiskFacts, level: Level) -> None:
    (found,) = of("disk", replace(PREMISES, disk=disk))
    assert found.level is level
    assert (found.hint is None) == (level is Level.OK)


def test_a_disk_without_room_for_files_is_told_as_that() -> None:
    disk = DiskFacts(free_bytes=MUCH, free_files=3)
    (found,) = of("disk", replace(PREMISES, disk=disk))
    assert "only 3 more files" in found.what


def test_a_reserve_that_was_given_up_is_told() -> None:
    state = replace(PREMISES.state, names=frozenset({"store.db"}))
    _, found = of("disk", replace(PREMISES, state=state))
    assert found.level is Level.WARNING
    assert "reserve" in found.what


def test_before_the_first_store_there_is_no_reserve_to_miss() -> None:
    state = replace(PREMISES.state, names=frozenset())
    assert len(of("disk", replace(PREMISES, state=state))) == 1


def test_another_machines_disk_is_told() -> None:
    disk = DiskFacts(free_bytes=MUCH, network="nfs4")
    _, found = of("disk", replace(PREMISES, disk=disk))
    assert found.level is Level.WARNING
    assert "nfs4" in found.what


def test_a_disk_that_cannot_be_looked_at_is_no_silence() -> None:
    (found,) = of("disk", replace(PREMISES, disk=None))
    assert found.level is Level.WARNING


@pytest.mark.parametrize(
    ("process", "says"),
    [
        (ProcessFacts(is_traceable=True, core_bytes=0), "read its memory"),
        (ProcessFacts(is_traceable=False, core_bytes=-1), "core dump"),
    ],
)
def test_a_daemon_that_is_not_closed_is_told(process: ProcessFacts, says: str) -> None:
    (found,) = of("process", replace(PREMISES, process=process))
    assert found.level is Level.WARNING
    assert says in found.what


def test_what_a_system_does_not_say_is_not_claimed() -> None:
    process = ProcessFacts(is_traceable=None, core_bytes=0)
    (found,) = of("process", replace(PREMISES, process=process))
    assert found.level is Level.OK
    assert "memory" not in found.what


def test_whoever_is_not_the_daemon_says_nothing_of_its_process() -> None:
    assert of("process", replace(PREMISES, process=None)) == []
