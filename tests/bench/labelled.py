"""`brokerd` that looks up, for each token, what a rule about programs would need.

Such rules do not exist yet: this says what they will cost, executable and unit of the
peer read as they would be, before the answer. `python -m tests.bench.labelled` takes
the words of `brokerd`.
"""

from pathlib import Path

from broker.__main__ import main
from broker.services.access import Access
from broker.services.gate import Asker
from broker.services.served import TokenServed, TokenWanted

_cached_token = Access.cached_token


def _after_a_look(
    self: Access, asker: Asker, wanted: TokenWanted
) -> TokenServed | None:
    process = Path("/proc") / str(asker.peer.pid)
    executable = (process / "exe").readlink()
    unit = (process / "cgroup").read_text().rpartition("/")[2]
    assert executable.is_absolute()
    assert unit.endswith("\n")
    return _cached_token(self, asker, wanted)


if __name__ == "__main__":
    Access.cached_token = _after_a_look  # type: ignore[method-assign]  # what is measured
    main()
