"""The process's own memory."""

import os
import sys
from pathlib import Path

import pytest

from broker.host import proportional_set_kib


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
