from collections.abc import Iterator

import pytest

from tests.faults.issuing import ScriptedIssuer, scripted_issuer
from tests.system.person import Person, new_person


@pytest.fixture
def person() -> Iterator[Person]:
    with new_person() as person:
        yield person


@pytest.fixture
def issuer() -> Iterator[ScriptedIssuer]:
    with scripted_issuer() as issuer:
        yield issuer
