import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runtime folder of the test's own, and no other trace of the environment."""
    for name in list(os.environ):
        if name.startswith(("BROKERD_", "XDG_")):
            monkeypatch.delenv(name)
    folder = tmp_path / "run"
    monkeypatch.setenv("BROKERD_RUNTIME_DIR", str(folder))
    return folder
