"""One issuer, one daemon and one peer for the whole bench: set up once, as in a day."""

import compileall
import json
import shutil
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.bench.broker import Broker, daemon, environment
from tests.bench.load import Load
from tests.bench.oidc_agent import OidcAgent, is_installed, oidc_agent
from tests.bench.processes import running

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Issuers:
    """The issuers' own words."""

    url: str

    def asked(self, name: str) -> int:
        """How often its token endpoint was asked."""
        with urllib.request.urlopen(f"{self.url}/control/{name}") as said:  # noqa: S310 - loopback
            return int(json.load(said)["asked"])

    def behave(self, name: str, how: str) -> None:
        """'slow' or 'good' from now on."""
        data = how.encode()
        urllib.request.urlopen(f"{self.url}/control/{name}", data).close()  # noqa: S310 - as above


@pytest.fixture(scope="session", autouse=True)
def as_installed() -> None:
    """Compiled, as pip leaves it: where PYTHONDONTWRITEBYTECODE is set, each process
    would else compile the sources again.
    """
    for sources in ("broker", "clients/python/brokerd_client"):
        assert compileall.compile_dir(ROOT / sources, quiet=1)


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A short path: a socket's may have a hundred bytes or so."""
    made = Path(tempfile.mkdtemp(prefix="bench-"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(made).items():
            patch.setenv(name, value)
        patch.delenv("BROKERD_SOCKET", raising=False)
        yield made
    shutil.rmtree(made)


@pytest.fixture(scope="session")
def issuers() -> Iterator[Issuers]:
    with running([sys.executable, "-m", "tests.bench.issuer"]) as line:
        yield Issuers(json.loads(line)["url"])


@pytest.fixture(scope="session")
def load(folder: Path) -> Load:
    return Load(folder)


@pytest.fixture(scope="session")
def broker(folder: Path, issuers: Issuers) -> Iterator[Broker]:
    """Ten accounts, each at an issuer of its own."""
    with daemon(folder, issuers.url) as running_broker:
        others = (f"other-{number}" for number in range(7))
        running_broker.sign_in("quiet", "slow", "forced", *others)
        yield running_broker


@pytest.fixture(scope="session")
def agent(folder: Path, issuers: Issuers) -> Iterator[OidcAgent | None]:
    """The peer, or None where it is not installed: then its rows say so."""
    if not is_installed():
        yield None
        return
    with oidc_agent(folder, issuers.url) as running_agent:
        running_agent.sign_in("quiet", "slow", "forced")
        yield running_agent
