import pytest

from broker.model.peer_facts import NAMES, Certainty, Known, PeerFacts


def claim(value: str) -> Known:
    return Known(value, Certainty.CLAIM)


def test_a_program_is_called_by_its_file() -> None:
    facts = PeerFacts(uid=1000, executable=claim("/usr/bin/curl"), command=claim("x"))
    assert facts.label == "curl"


def test_a_script_is_what_people_know_a_program_by() -> None:
    facts = PeerFacts(
        uid=1000,
        executable=claim("/usr/bin/python3.11"),
        script=Known("/home/ann/backup.py", Certainty.GUESS),
    )
    assert facts.label == "backup.py"


@pytest.mark.parametrize(
    ("has_exited", "label"), [(False, "uid 1000"), (True, "uid 1000 (exited)")]
)
def test_a_peer_of_which_nothing_else_is_told_is_called_by_its_uid(
    has_exited: bool,  # noqa: FBT001 - pytest gives it
    label: str,
) -> None:
    assert PeerFacts(uid=1000, has_exited=has_exited).label == label


def test_all_that_is_known_more_or_less_surely_has_a_name_in_the_list() -> None:
    known = [
        name for name, kind in PeerFacts.__annotations__.items() if kind == Known | None
    ]
    assert tuple(known) == NAMES
