"""A person's command for one event: what it is told, and how it ends."""

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from broker.control import hook
from broker.control.hook import ending_hooks, hook_environment, run_hook

EVENT: dict[str, object] = {
    "event": "login_needed",
    "at": 1_800_000_000,
    "account": "work",
    "issuer": "https://issuer.example",
    "reason": "invalid_grant: \x00\x1b[2Jrevoked\nrm -rf",
}
LONG = 60.0


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_the_facts_are_in_the_environment_and_safe_to_show() -> None:
    own = {"PATH": "/bin", "BROKERD_SOCKET": "/s"}
    assert hook_environment(own, EVENT) == {
        **own,
        "BROKERD_EVENT": "login_needed",
        "BROKERD_ACCOUNT": "work",
        "BROKERD_ISSUER": "https://issuer.example",
        "BROKERD_REASON": "invalid_grant:   [2Jrevoked rm -rf",
    }


def test_a_fact_that_an_event_has_not_is_not_set() -> None:
    own = {"BROKERD_ACCOUNT": "of another event"}
    assert hook_environment(own, {"event": "saved"}) == {"BROKERD_EVENT": "saved"}


def test_a_command_that_does_not_read_its_input_is_no_failure() -> None:
    event = {**EVENT, "reason": "x" * 1_000_000}
    assert run_hook(python("pass"), event, LONG) is None


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("raise SystemExit(3)", "failed with exit code 3"),
        ("import os; os.kill(os.getpid(), 9)", "was ended by signal 9"),
    ],
)
def test_how_it_ended_is_told(code: str, outcome: str) -> None:
    assert run_hook(python(code), EVENT, LONG) == f"{sys.executable} {outcome}"


def test_one_that_takes_too_long_is_ended_and_that_is_told() -> None:
    told = run_hook(python("import time; time.sleep(3600)"), EVENT, 0.05)
    assert told == f"{sys.executable} was ended: it took longer than 0.05 seconds"


TIDY = """
import signal, sys
def tidy(*_):
    print("tidied up", end="", file=open(sys.argv[1], "w"), flush=True)
    sys.exit()
signal.signal(signal.SIGTERM, tidy)
open(sys.argv[1], "w").close()
signal.pause()
"""


def test_one_that_takes_too_long_is_asked_to_end_before_it_is_killed(
    tmp_path: Path,
) -> None:
    note = tmp_path / "note"
    with subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-c", TIDY, str(note)], start_new_session=True
    ) as process:
        while not note.exists():
            pass
        hook.end_process(process)
    assert note.read_text() == "tidied up"


CHILD = """
import fcntl, os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pids = open(sys.argv[1], "w")
fcntl.flock(pids, fcntl.LOCK_EX)
print(os.getppid(), file=pids, flush=True)
os.kill(int(sys.argv[2]), signal.SIGINT)
time.sleep(3600)
"""
"""A child that will not end, and that presses Ctrl-C for the person when it runs."""


def test_ctrl_c_ends_the_command_and_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hook, "END_SECONDS", 0.05)
    pids, script = tmp_path / "pids", tmp_path / "child.py"
    script.write_text(CHILD)
    words = [sys.executable, str(script), str(pids), str(os.getpid())]
    with pytest.raises(KeyboardInterrupt):
        run_hook(python(f"import subprocess; subprocess.run({words!r})"), EVENT, LONG)
    command = int(pids.read_text())
    # Gone, and no zombie: that would still be there for a signal.
    with pytest.raises(ProcessLookupError):
        os.kill(command, 0)
    # It lets go of its lock when the signal that nothing survives has reached it.
    with pids.open() as kept:
        fcntl.flock(kept, fcntl.LOCK_EX)


def test_sigterm_ends_the_command_and_then_the_watch(tmp_path: Path) -> None:
    out = tmp_path / "command"
    os.mkfifo(out)
    inner = f"import time\nwith open({str(out)!r}, 'w') as kept: time.sleep(3600)"
    outer = (
        "import sys\n"
        "from broker.control.hook import ending_hooks, run_hook\n"
        "with ending_hooks():\n"
        f"    run_hook([sys.executable, '-c', {inner!r}], {{'event': 'saved'}}, 3600)\n"
    )
    with (
        subprocess.Popen(python(outer)) as process,  # noqa: S603 - our own words
        out.open() as kept,
    ):
        process.terminate()
        # Its end is the end of whoever holds the other end.
        assert kept.read() == ""
        assert process.wait() == 128 + signal.SIGTERM


def test_an_ignored_sigchld_does_not_hide_a_failure() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with ending_hooks():
            told = run_hook(python("raise SystemExit(3)"), EVENT, LONG)
        assert signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert told == f"{sys.executable} failed with exit code 3"
