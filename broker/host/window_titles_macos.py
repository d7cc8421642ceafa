"""Windows of a macOS session, as System Events tells them to osascript.

macOS asks the person whether this terminal may control the computer (Accessibility).
Windows have no numbers there: a window's is that of its program.

Source: osascript(1); the dictionary of System Events.
"""

import json
from collections.abc import Sequence

from broker.host.windows import Run, Window
from broker.model.strict_json import parse_json

_LIST = """
const found = [];
const programs = Application("System Events").applicationProcesses;
for (const program of programs.whose({backgroundOnly: false})()) {
  const number = program.unixId();
  for (const title of program.windows.name()) found.push([number, title]);
}
JSON.stringify(found);
"""

_CLOSE = """
const [number, title] = %s;
const programs = Application("System Events").applicationProcesses;
for (const program of programs.whose({unixId: number})())
  for (const window of program.windows.whose({name: title})())
    window.buttons.whose({subrole: "AXCloseButton"})[0].click();
"""

# The script is read from standard input: every user can read arguments with ps, and
# a title may hold a code.
_COMMAND = ("osascript", "-l", "JavaScript", "-")


class MacWindows:
    """Satisfies `Windows`."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def all(self) -> Sequence[Window]:
        """Those of programs that are not of the background."""
        said = self._run(_COMMAND, _LIST)
        try:
            found = parse_json(said.encode())
        except ValueError as exc:
            raise OSError("System Events did not say which windows there are") from exc
        pairs = found if isinstance(found, list) else []
        return [window for pair in pairs if (window := _window(pair)) is not None]

    def ask_to_close(self, window: Window) -> None:
        """Click its red button."""
        # Pages write titles: JSON is a literal of the script, whatever is in it.
        self._run(_COMMAND, _CLOSE % json.dumps([window.number, window.title]))

    def release(self) -> None:
        """Nothing is held."""


def _window(pair: object) -> Window | None:
    match pair:
        case [int(number), str(title)] if title:
            return Window(number=number, title=title)
    return None
