"""`brokerctl doctor` where no daemon runs: what it sees by itself."""

import asyncio
import json
from pathlib import Path

import pytest

from broker.store.door import FileDoor
from tests.control.conftest import Run


@pytest.fixture
def state(runtime: Path) -> Path:
    """The state folder of `run`, with a store under a key file."""
    folder = runtime.parent / "state"
    folder.mkdir(0o700)

    async def make() -> None:
        await (await FileDoor(folder / "store.db").create("plain", None)).close()

    asyncio.run(make())
    return folder


def examined(run: Run, status: int = 0) -> dict[str, dict[str, str]]:
    result = run("doctor", "--json")
    assert result.exit_code == status, result.output
    return {one["check"]: one for one in json.loads(result.stdout)["findings"]}


def test_before_the_first_start_nothing_is_wrong_and_nothing_is_made(
    run: Run, runtime: Path
) -> None:
    found = examined(run)
    assert "does not run" in found["daemon"]["what"]
    assert "no store yet" in found["store"]["what"]
    assert not runtime.exists()
    assert not (runtime.parent / "state").exists()


def test_the_ways_to_open_the_store_are_seen_without_a_key(
    run: Run, state: Path
) -> None:
    before = (state / "store.db").read_bytes()
    assert "1 plain" in examined(run)["store"]["what"]
    assert (state / "store.db").read_bytes() == before


def test_a_key_that_others_can_read_is_an_error(run: Run, state: Path) -> None:
    (state / "store.key").chmod(0o644)
    assert "store.key is open to" in examined(run, 39)["state-folder"]["what"]


def test_what_is_no_store_is_an_error(run: Run, state: Path) -> None:
    (state / "store.db").write_bytes(b"not a store" * 100)
    found = examined(run, 39)["store"]
    assert "cannot be read" in found["what"]
    assert "restore FILE --set-aside" in found["hint"]


def test_a_configuration_that_stops_the_daemon_is_told_by_its_key(
    run: Run, runtime: Path
) -> None:
    config = runtime.parent / "config"
    config.mkdir(0o700)
    (config / "config.toml").write_text("[network]\nprxy = 'x'\n")
    (config / "config.toml").chmod(0o600)
    assert "network.prxy is not known" in examined(run, 39)["config"]["what"]
