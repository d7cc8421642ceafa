"""What osascript is asked on macOS, and how its answer is read."""

import json
from collections.abc import Sequence

import pytest

from broker.host.window_titles_macos import MacWindows
from broker.host.windows import Window

CODE = "Success code=4/AbC"


class Osascript:
    """Answers what the test says, and keeps what it was given."""

    def __init__(self, said: str = "") -> None:
        self.said = said
        self.command: Sequence[str] = ()
        self.read = ""

    def __call__(self, command: Sequence[str], text: str) -> str:
        self.command, self.read = command, text
        return self.said


def test_the_windows_are_those_that_system_events_tells() -> None:
    osascript = Osascript(json.dumps([[312, CODE], [312, ""], [400, "Notes"]]) + "\n")
    assert MacWindows(osascript).all() == [
        Window(number=312, title=CODE),
        Window(number=400, title="Notes"),
    ]
    assert osascript.command == ("osascript", "-l", "JavaScript", "-")
    assert 'Application("System Events")' in osascript.read


@pytest.mark.parametrize("said", ["", "execution error", '{"a": 1, "a": 2}'])
def test_an_answer_that_is_none_is_told(said: str) -> None:
    with pytest.raises(OSError, match="did not say"):
        MacWindows(Osascript(said)).all()


@pytest.mark.parametrize("said", ["{}", "[1, [2], [3, 4], [null, null]]", "null"])
def test_an_answer_of_another_shape_has_no_windows(said: str) -> None:
    assert MacWindows(Osascript(said)).all() == []


@pytest.mark.parametrize("title", [CODE, '"]; evil() //', "a\n\u2028b", "%s"])
def test_a_title_is_a_literal_of_the_script_and_no_argument(title: str) -> None:
    osascript = Osascript()
    MacWindows(osascript).ask_to_close(Window(number=312, title=title))
    assert osascript.command == ("osascript", "-l", "JavaScript", "-")
    first = osascript.read.strip().splitlines()[0]
    literal = first.removeprefix("const [number, title] = ").removesuffix(";")
    assert json.loads(literal) == [312, title]
    assert "AXCloseButton" in osascript.read
