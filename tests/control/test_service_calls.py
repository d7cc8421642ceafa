import sys

import pytest

from broker.control.service_calls import ServiceError, ask, demand


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_an_answer_has_the_status_and_both_outputs() -> None:
    code = "import sys; print(' out '); print('err', file=sys.stderr); sys.exit(3)"
    answer = ask(python(code))
    assert (answer.status, answer.output, answer.complaint) == (3, "out", "err")


def test_a_command_reads_nothing_of_the_persons_typing() -> None:
    assert ask(python("import sys; print(repr(sys.stdin.read()))")).output == "''"


def test_a_command_that_is_not_there_is_an_error_with_a_hint() -> None:
    with pytest.raises(ServiceError, match="could not be asked") as caught:
        ask(["/nowhere/systemctl"])
    assert "brokerd" in caught.value.hint


def test_a_demand_that_fails_is_told_with_its_own_last_line() -> None:
    code = "import sys; print('first\\nlast', file=sys.stderr); sys.exit(1)"
    with pytest.raises(ServiceError, match="last "):
        demand(python(code))


def test_a_demand_that_is_met_says_nothing() -> None:
    demand(python("pass"))
