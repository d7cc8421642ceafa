"""Parts that are made when they are first asked for. Knows none of them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

_Part = TypeVar("_Part")


class Late(Generic[_Part]):
    """What most daemons never need, and so neither import nor keep in memory.

    Args:
        make: imports and makes it; called once at most, in the thread of the loop.
    """

    def __init__(self, make: Callable[[], _Part]) -> None:
        self._make = make
        self._made: _Part | None = None

    def get(self) -> _Part:
        """The part; the first call makes it."""
        if self._made is None:
            self._made = self._make()
        return self._made

    @property
    def made(self) -> _Part | None:
        """The part, or None where nobody has asked for it."""
        return self._made


class LateMapping(Mapping[str, _Part]):
    """A mapping that is read when somebody first looks into it, and kept.

    Args:
        load: reads all of it; called once at most.
    """

    def __init__(self, load: Callable[[], Mapping[str, _Part]]) -> None:
        self._found = Late(load)

    def __getitem__(self, name: str) -> _Part:
        return self._found.get()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found.get())

    def __len__(self) -> int:
        return len(self._found.get())
