"""Whole processes: a command that programs run often, and the daemon's start."""

import sys
from pathlib import Path
from time import perf_counter

from tests.bench import figures
from tests.bench.broker import BIN, Broker, daemon
from tests.bench.conftest import Issuers
from tests.bench.load import Load
from tests.bench.processes import run

PROCESSES = 60
STARTS = 20
BROKERCTL = BIN / "brokerctl"


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
            "brokerctl token": lambda: run(BROKERCTL, "token", "quiet"),
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

    def to_the_first_token() -> float:
        began = perf_counter()
        with daemon(place, issuers.url) as again:
            assert load.crowd(again.token("quiet"), 1, 1)[0] == 1
            return perf_counter() - began  # without its end

    starts = [(to_the_first_token(), _import_aiohttp()) for _ in range(STARTS)]
    ours, least = zip(*starts, strict=True)
    timed = {"daemon": ours, "import aiohttp.web": least}
    figures.title("the daemon, from its start to the first token, an issuer asked")
    figures.show(timed)
    middle = figures.median(ours), figures.median(least)
    figures.ratio("over python -c 'import aiohttp.web'", *middle, goal=1.5)


def _import_aiohttp() -> float:
    began = perf_counter()
    run(Path(sys.executable), "-c", "import aiohttp.web")
    return perf_counter() - began
