from collections.abc import Iterator

import pytest

from tests.system.person import Person, new_person


@pytest.fixture
def person() -> Iterator[Person]:
    with new_person() as person:
        yield person
