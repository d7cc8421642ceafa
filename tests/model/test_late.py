"""Parts that are made when they are first asked for."""

from broker.model.late import Late, LateMapping


def test_a_part_is_made_when_it_is_first_asked_for_and_kept() -> None:
    made: list[object] = []

    def make() -> object:
        made.append(object())
        return made[-1]

    late = Late(make)
    assert late.made is None
    assert made == []
    part = late.get()
    assert late.get() is part is late.made
    assert made == [part]


def test_a_part_that_could_not_be_made_is_tried_again() -> None:
    answers = iter([None, "part"])

    def make() -> str:
        answer = next(answers)
        if answer is None:
            raise LookupError
        return answer

    late = Late(make)
    try:
        late.get()
    except LookupError:
        assert late.made is None
    assert late.get() == "part"


def test_a_mapping_is_read_once_and_only_when_somebody_looks_into_it() -> None:
    read = []

    def load() -> dict[str, int]:
        read.append(1)
        return {"one": 1, "two": 2}

    late = LateMapping(load)
    assert read == []
    assert late["one"] == 1
    assert list(late) == ["one", "two"]
    assert len(late) == 2
    assert read == [1]
