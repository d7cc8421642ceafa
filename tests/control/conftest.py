import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from broker.control.commands import brokerctl
from tests.fakes.broker import Answer, FakeBroker

Run = Callable[..., Result]
Listen = Callable[[Answer], FakeBroker]


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runtime folder of the test's own, and no other trace of the environment."""
    for name in list(os.environ):
        if name.startswith(("BROKERD_", "XDG_")):
            monkeypatch.delenv(name)
    of_tools = ("GOOGLE_APPLICATION_CREDENTIALS", "OIDC_SOCK")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", *of_tools):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "run"
    monkeypatch.setenv("BROKERD_RUNTIME_DIR", str(folder))
    monkeypatch.setenv("BROKERD_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("BROKERD_STATE_DIR", str(tmp_path / "state"))
    return folder


@pytest.fixture
def listen(runtime: Path) -> Iterator[Listen]:
    """A broker on the default socket, with the answers that the test gives."""
    with ExitStack() as brokers:
        yield lambda answer: brokers.enter_context(
            FakeBroker(runtime / "broker.sock", answer)
        )


@pytest.fixture
def run(runtime: Path) -> Run:
    """Runs `brokerctl` with words, as a person types them, in a pipe."""
    del runtime  # only that the environment is the test's own

    def run_words(*words: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(brokerctl, list(words), input=typed)

    return run_words


@pytest.fixture
def at_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `run` types is typed at a terminal; only the outputs are pipes."""
    monkeypatch.setattr(
        "click.testing._NamedTextIOWrapper.isatty", lambda self: self.name == "<stdin>"
    )
