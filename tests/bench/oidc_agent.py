"""The peer: Debian's oidc-agent, with accounts at the same issuers. No prompts."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.load import Target

AGENT = "oidc-agent"
MISSING = "because oidc-agent is not installed"


def is_installed() -> bool:
    return all(shutil.which(name) for name in ("oidc-agent", "oidc-gen"))


@dataclass(frozen=True)
class OidcAgent:
    """A running oidc-agent.

    Attributes:
        socket: where it listens.
        issuers: the URL below which every issuer lies.
        home: of its files.
    """

    socket: Path
    issuers: str
    home: Path

    def sign_in(self, *accounts: str) -> None:
        """Each at the issuer of its name, from a refresh token."""
        for name in accounts:
            words = ["oidc-gen", "-m", "--issuer", f"{self.issuers}/{name}"]
            words += ["--client-id", "bench", "--client-secret", "bench"]
            words += ["--scope", "openid offline_access one", "--rt", "seed"]
            words += ["--pw-env", "--prompt=none", "--confirm-yes", name]
            subprocess.run(
                words,
                check=True,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(self.home),
                    "OIDC_SOCK": str(self.socket),
                    "OIDC_ENCRYPTION_PW": "bench",
                },
            )

    def token(
        self, account: str, *, scope: str | None = None, force: bool = False
    ) -> Target:
        """A request in its plain JSON; encrypted ones take four times as long."""
        wanted = {
            "request": "access_token",
            "account": account,
            "min_valid_period": -1 if force else 60,
            "application_hint": "bench",
        }
        wanted |= {} if scope is None else {"scope": scope}
        return Target(self.socket, json.dumps(wanted).encode())


@contextmanager
def oidc_agent(folder: Path, issuers: str) -> Iterator[OidcAgent]:
    """One of its own, whose files lie in `folder`."""
    home = folder / "oidc-agent"
    home.mkdir(mode=0o700)
    # Where it daemonizes it says its socket and its pid, and leaves.
    said = subprocess.run(
        [AGENT, "--json", "-a", home / "XXXXXX/oidc.sock"],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(home)},
    ).stdout
    began = json.loads(said)
    try:
        yield OidcAgent(Path(began["socket"]), issuers, home)
    finally:
        os.kill(int(began["dpid"]), 15)
