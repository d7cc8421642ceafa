"""The windows of a session, as the test sets them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from broker.host.windows import Window


@dataclass
class FakeWindows:
    """Satisfies `Windows`.

    Attributes:
        looks: what each look sees, by number; the last one for ever.
        closed: numbers of windows that were asked to close.
        is_gone: whether nothing can be seen any more.
    """

    looks: list[dict[int, str]]
    closed: list[int] = field(default_factory=list)
    cannot_close: bool = False
    is_gone: bool = False
    is_released: bool = False

    def all(self) -> Sequence[Window]:
        if self.is_gone:
            raise OSError("the session is gone")
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        return [Window(number=number, title=title) for number, title in look.items()]

    def ask_to_close(self, window: Window) -> None:
        if self.cannot_close:
            raise OSError("it does not listen")
        self.closed.append(window.number)

    def release(self) -> None:
        self.is_released = True
