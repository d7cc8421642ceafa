import pytest

from tests.contracts.keeper import PROMISES, Promise
from tests.fakes.keeper import MemoryKeeper


@pytest.mark.parametrize("promise", PROMISES)
def test_the_keyring_of_the_tests_promises_what_a_real_one_does(
    promise: Promise,
) -> None:
    promise(MemoryKeeper().open)
