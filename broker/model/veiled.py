"""Values some of whose fields no repr, log or traceback is to show.

A `Secret` hides itself. This is for bytes and mappings that only may hold one, and for
what is nobody else's business.
"""

from typing import ClassVar

import msgspec


class Veiled(msgspec.Struct, frozen=True, kw_only=True):
    """The base of such values; each names its `veiled` fields."""

    veiled: ClassVar[frozenset[str]] = frozenset()

    def __repr__(self) -> str:
        shown = (f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({', '.join(shown)})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        # A Struct has one that shows all: rich asks it, not repr().
        names = (name for name in self.__struct_fields__ if name not in self.veiled)
        return [(name, getattr(self, name)) for name in names]
