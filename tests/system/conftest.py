from collections.abc import Iterator

import pytest

from tests.system.issuers import Sandbox, sandbox
from tests.system.person import Person, new_person


@pytest.fixture
def person() -> Iterator[Person]:
    with new_person() as person:
        yield person


@pytest.fixture
def quick_sandbox(person: Person) -> Iterator[Sandbox]:
    """A sandbox that approves by itself, and whose access tokens live 5 seconds."""
    with sandbox(person, "--access-ttl=5", "--auto-approve") as running:
        yield running
