"""A pickle read as data: nothing that it names is imported, nothing is called.

`pickle.load` runs whatever a file says. Here its opcodes are stepped through by hand,
and an object is no more than the name of its class and what it was given.
"""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field

from broker.control.foreign.found import ForeignFileError

MOST_STEPS = 20_000
"""A pickled google-auth credential takes a hundred."""

_CONSTANTS = {
    "NONE": None,
    "NEWTRUE": True,
    "NEWFALSE": False,
    "EMPTY_TUPLE": (),
}
_PASSED_OVER = frozenset({"PROTO", "FRAME", "STOP"})


@dataclass(slots=True)
class Pickled:
    """An object that was never made.

    Attributes:
        name: module and class, such as 'google.oauth2.credentials Credentials'.
        state: what `__setstate__` would have been given.
    """

    name: str
    state: object = None


class _Mark:
    """Where a tuple, a list or a dict begins on the stack."""


@dataclass(slots=True)
class _Machine:
    stack: list[object] = field(default_factory=list)
    memo: dict[int, object] = field(default_factory=dict)

    def push_constant(self, name: str, value: object) -> None:
        self.stack.append(_CONSTANTS.get(name, value))

    def since_mark(self) -> list[object]:
        for index in range(len(self.stack) - 1, -1, -1):
            if isinstance(self.stack[index], _Mark):
                values = self.stack[index + 1 :]
                del self.stack[index:]
                return values
        raise IndexError("there is no mark")

    def last(self, count: int) -> list[object]:
        if len(self.stack) < count:
            raise IndexError("the stack is empty")
        values = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return values


def _put_items(machine: _Machine, items: list[object]) -> None:
    target = machine.stack[-1]
    if isinstance(target, dict):
        # No others: to hash a tuple of tuples of itself takes for ever.
        if not all(isinstance(key, str | int | bytes) for key in items[::2]):
            raise ValueError("no key")
        target.update(zip(items[::2], items[1::2], strict=True))


def _named(machine: _Machine) -> None:
    module, name = machine.last(2)
    # Of texts alone: what holds itself again and again would be written out for ever.
    if not (isinstance(module, str) and isinstance(name, str)):
        raise ValueError("no name")  # noqa: TRY004 - of the bytes, not of a type
    machine.stack.append(Pickled(f"{module} {name}"))


def _made(machine: _Machine, arguments: int) -> None:
    made = machine.last(1 + arguments)[0]
    machine.stack.append(Pickled(made.name if isinstance(made, Pickled) else "?"))


def _built(machine: _Machine) -> None:
    target, state = machine.last(2)
    if isinstance(target, Pickled):
        target.state = state
    machine.stack.append(target)


def _appended(machine: _Machine, items: list[object]) -> None:
    target = machine.stack[-1]
    if isinstance(target, list):
        target += items


_STEPS: dict[str, Callable[[_Machine], object]] = {
    "MARK": lambda m: m.stack.append(_Mark()),
    "EMPTY_DICT": lambda m: m.stack.append({}),
    "EMPTY_LIST": lambda m: m.stack.append([]),
    "EMPTY_SET": lambda m: m.stack.append([]),
    "TUPLE": lambda m: m.stack.append(tuple(m.since_mark())),
    "TUPLE1": lambda m: m.stack.append(tuple(m.last(1))),
    "TUPLE2": lambda m: m.stack.append(tuple(m.last(2))),
    "TUPLE3": lambda m: m.stack.append(tuple(m.last(3))),
    "LIST": lambda m: m.stack.append(m.since_mark()),
    "FROZENSET": lambda m: m.stack.append(m.since_mark()),
    "SETITEM": lambda m: _put_items(m, m.last(2)),
    "SETITEMS": lambda m: _put_items(m, m.since_mark()),
    "APPEND": lambda m: _appended(m, m.last(1)),
    "APPENDS": lambda m: _appended(m, m.since_mark()),
    "ADDITEMS": lambda m: _appended(m, m.since_mark()),
    "STACK_GLOBAL": _named,
    "NEWOBJ": lambda m: _made(m, 1),
    "REDUCE": lambda m: _made(m, 1),
    "NEWOBJ_EX": lambda m: _made(m, 2),
    "BUILD": _built,
    "MEMOIZE": lambda m: m.memo.update({len(m.memo): m.stack[-1]}),
    "POP": lambda m: m.stack.pop(),
}


def read_pickle(data: bytes) -> object:
    """What the bytes say, with `Pickled` in the place of every object.

    Raises:
        ForeignFileError: no pickle, a truncated one, or one with opcodes that plain
            data and plain objects do not need.
    """
    machine = _Machine()
    try:
        for steps, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if steps > MOST_STEPS:
                raise ForeignFileError("is a pickle of far more than a sign-in")
            _step(machine, opcode, argument)
        (value,) = machine.stack
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError):
        raise ForeignFileError("is no whole pickle of plain data") from None
    return value


def _is_literal(opcode: pickletools.OpcodeInfo, argument: object) -> bool:
    """Whether it brings a number, a text or bytes: not any object, from elsewhere."""
    brings = opcode.stack_after
    is_any = pickletools.anyobject in brings
    return argument is not None and not opcode.stack_before and not is_any


def _step(machine: _Machine, opcode: pickletools.OpcodeInfo, argument: object) -> None:
    name = opcode.name
    if name in _PASSED_OVER:
        return
    if name in _STEPS:
        _STEPS[name](machine)
    elif name == "GLOBAL":
        machine.stack.append(Pickled(str(argument)))
    elif name.endswith("GET") and isinstance(argument, int):
        machine.stack.append(machine.memo[argument])
    elif name.endswith("PUT") and isinstance(argument, int):
        machine.memo[argument] = machine.stack[-1]
    elif name in _CONSTANTS or _is_literal(opcode, argument):
        machine.push_constant(name, argument)
    else:
        raise ForeignFileError(f"is a pickle with {name}, which a sign-in never needs")
