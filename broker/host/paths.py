"""Where state, sockets and the person's file lie on this system. Makes nothing."""

import os
from pathlib import Path

import platformdirs

from brokerd_client.paths import runtime_directory

__all__ = ["config_directory", "runtime_directory", "state_directory"]

# The folder of the socket is the client's rule: were there a second rule here, a day
# would come on which daemon and programs look in different places.

_NAME = "brokerd"


def state_directory() -> Path:
    """Where store.db lies: BROKERD_STATE_DIR, else the system's place for it."""
    return _named("BROKERD_STATE_DIR") or platformdirs.user_state_path(
        _NAME, appauthor=False
    )


def config_directory() -> Path:
    """Where config.toml lies: BROKERD_CONFIG_DIR, else the system's place for it."""
    return _named("BROKERD_CONFIG_DIR") or platformdirs.user_config_path(
        _NAME, appauthor=False
    )


def _named(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value).expanduser().absolute() if value else None
