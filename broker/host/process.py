"""This process: what others may see of it, and what it may use. Knows no secrets.

What this promises on POSIX: not dumped to disk, not read by another program of the
same user through ptrace or /proc. On Windows: not dumped to disk. Not promised: that
freed secrets are erased.
"""

import sys
from collections.abc import MutableMapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from broker.model.premises import ProcessFacts

if sys.platform == "win32":
    from broker.host.win32 import show_no_crash as harden

    def process_facts() -> "ProcessFacts":
        """Nothing: Windows does not say."""
        from broker.model.premises import ProcessFacts  # noqa: PLC0415 - for doctor

        return ProcessFacts()
else:
    from broker.host.process_posix import harden, process_facts

__all__ = ["harden", "process_facts", "scrub_environment"]

_MISLEADING_PREFIX = "OAUTHLIB_"
"""OAUTHLIB_INSECURE_TRANSPORT and its like switch oauthlib's checks off."""

_MISLEADING = frozenset(
    {
        "SSLKEYLOGFILE",  # Python writes every TLS session's keys there
        "BROWSER",  # a command line; the daemon starts no process
    }
)


def scrub_environment(environ: MutableMapping[str, str]) -> tuple[str, ...]:
    """Remove the variables that would weaken the daemon; returns their names."""
    misleading = tuple(
        sorted(
            name
            for name in environ
            if name in _MISLEADING or name.startswith(_MISLEADING_PREFIX)
        )
    )
    for name in misleading:
        del environ[name]
    return misleading
