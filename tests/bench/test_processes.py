"""Whole processes: a command that programs run often, and the daemon's start."""

import sys
from pathlib import Path

from tests.bench import figures
from tests.bench.broker import BIN, Broker, daemon
from tests.bench.conftest import Issuers
from tests.bench.load import Load
from tests.bench.processes import run

PROCESSES = 60
STARTS = 20


def test_brokerctl_token_as_a_whole_process(broker: Broker, folder: Path) -> None:
    assert broker.socket.exists()
    # A console script as installers write it, that does nothing.
    script = folder / "empty-script"
    script.write_text(
        f"#!{sys.executable}\nimport sys\nif __name__ == '__main__':\n    sys.exit()\n"
    )
    script.chmod(0o755)
    python = Path(sys.executable)
    timed = figures.in_turn(
        {
            "brokerctl token": lambda: run(BIN / "brokerctl", "token", "quiet"),
            "python -c pass": lambda: run(python, "-c", "pass"),
            "an empty console script": lambda: run(script),
            "python -c 'import socket'": lambda: run(python, "-c", "import socket"),
        },
        PROCESSES,
    )
    figures.title("brokerctl token, whole process")
    figures.show(timed)
    least = figures.median(timed.pop("python -c pass"))
    for name, seconds in timed.items():
        goal = 2.1 if name == "brokerctl token" else None
        figures.ratio(
            f"{name} over python -c pass", figures.median(seconds), least, goal
        )


def test_the_daemon_from_its_start_to_the_first_token(
    issuers: Issuers, load: Load, folder: Path
) -> None:
    place = folder / "start"
    with daemon(place, issuers.url) as broker:
        broker.sign_in("quiet")

    def start() -> None:
        with daemon(place, issuers.url) as again:
            assert load.crowd(again.token("quiet"), 1, 1)[0] == 1

    timed = figures.in_turn(
        {"daemon": start, "import aiohttp.web": _import_aiohttp}, STARTS
    )
    figures.title("the daemon, from its start to the first token, an issuer asked")
    figures.show(timed)
    ours, least = (figures.median(seconds) for seconds in timed.values())
    figures.ratio("over python -c 'import aiohttp.web'", ours, least, goal=1.5)


def _import_aiohttp() -> None:
    run(Path(sys.executable), "-c", "import aiohttp.web")
