"""The process's own memory."""

import os
import sys
from pathlib import Path

import pytest

from broker.host import give_back_code, proportional_set_kib
from broker.host.memory import unwritten_in


def test_a_process_that_cannot_be_dumped_still_knows_its_own_memory() -> None:
    if (pid := os.fork()) == 0:  # pragma: no cover - another process
        from broker.host import harden  # noqa: PLC0415 - only there

        harden()
        said = proportional_set_kib() or 0
        os._exit(0 if (said > 1000) == (sys.platform == "linux") else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.parametrize("text", ["", "Rss: 5 kB\nSwapPss: 7 kB\n", "Pss: many kB\n"])
def test_a_system_that_does_not_say_is_not_guessed_at(
    tmp_path: Path, text: str
) -> None:
    rollup = tmp_path / "smaps_rollup"
    assert proportional_set_kib(rollup) is None
    rollup.write_text(text)
    assert proportional_set_kib(rollup) is None
    rollup.write_text(f"{text}Pss:             1234 kB\nPss_Dirty: 9 kB\n")
    assert proportional_set_kib(rollup) == 1234


def mapping(head: str, anonymous: int = 0, swap: int = 0) -> str:
    return f"{head}\nSize: 4 kB\nAnonymous: {anonymous:8} kB\nSwap: {swap:8} kB\n"


CODE = "1000-3000 r-xp 00000000 fe:00 77       /usr/lib/a lib.so"


def test_what_is_as_in_its_file_can_be_let_go_of() -> None:
    constants = CODE.replace("1000-3000 r-xp", "3000-4000 r--p")
    found = unwritten_in(mapping(CODE) + mapping(constants))
    assert list(found) == [(0x1000, 0x2000), (0x3000, 0x1000)]


@pytest.mark.parametrize(
    "kept",
    [
        mapping(CODE, anonymous=4),
        mapping(CODE, swap=4),
        mapping(CODE.replace("r-xp", "rw-p")),
        mapping(CODE.replace("r-xp", "rwxp")),
        mapping(CODE.replace("r-xp", "---p")),
        mapping("1000-3000 r-xp 00000000 00:00 0      [vdso]"),
        mapping("1000-3000 r--p 00000000 00:00 0 "),
        f"{CODE}\nSize: 4 kB\n",
    ],
)
def test_what_was_written_to_or_is_of_no_file_is_kept(kept: str) -> None:
    assert list(unwritten_in(kept)) == []


def test_a_process_that_gave_its_code_back_goes_on() -> None:
    before = proportional_set_kib()
    give_back_code()
    after = proportional_set_kib()
    assert (before is None) == (sys.platform != "linux")
    assert before is None or (after is not None and after < before)
