"""An issuer whose metadata cannot be used: no sign-in begins, and nothing is kept."""

from collections.abc import Iterator

import pytest

from tests.faults.issuers import FaultyIssuers, faulty_issuers
from tests.faults.peer import ask, begin_sign_in
from tests.system.person import Person, daemon


@pytest.fixture
def issuers(person: Person) -> Iterator[FaultyIssuers]:
    with faulty_issuers() as running, daemon(person):
        yield running


@pytest.mark.parametrize(
    ("fault", "code"),
    [("mismatch", "issuer_mismatch"), ("refused", "issuer_unreachable")],
)
def test_metadata_of_somebody_else_begins_no_sign_in(
    fault: str, code: str, person: Person, issuers: FaultyIssuers
) -> None:
    issuer = issuers.open("work")
    issuer.set(fault=fault)
    assert begin_sign_in(person, issuer, "work").code == code
    assert issuer.requests("authorization_code") == []
    assert ask(person, "GET", "/v1/accounts").document["accounts"] == []
    issuer.set(fault=None)
    assert begin_sign_in(person, issuer, "work").code == "ok"


def test_a_command_tells_it_by_its_code_and_exits_with_its_own_number(
    person: Person, issuers: FaultyIssuers
) -> None:
    issuer = issuers.open("work")
    issuer.set(fault="mismatch")
    said = person.brokerctl(
        *("login", "work", "--no-browser", "--json"),
        *(f"--issuer={issuer.url}", "--client-id=a-client"),
    )
    assert said.status == 10, said
    assert "issuer_mismatch" in said.output + said.complaint
