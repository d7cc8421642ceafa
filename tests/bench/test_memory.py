"""What a daemon takes of the memory while it waits."""

import re
import sys
from pathlib import Path

from tests.bench import figures
from tests.bench.broker import daemon
from tests.bench.conftest import Issuers
from tests.bench.load import Load
from tests.bench.processes import running

ACCOUNTS = [f"account-{number}" for number in range(10)]
YARDSTICK = """
import aiohttp.web, sys
print(open("/proc/self/smaps_rollup").read().replace(chr(10), " "), flush=True)
sys.stdin.read()
"""


def test_idle_memory_with_ten_accounts(
    issuers: Issuers, load: Load, folder: Path
) -> None:
    figures.title("memory (PSS) of the idle daemon, ten accounts")
    place = folder / "memory"
    with running([sys.executable, "-c", YARDSTICK]) as said:
        found = re.search(r"Pss: +(\d+) kB", said)
        assert found is not None
        least = int(found[1])
    with daemon(place, issuers.url) as broker:
        broker.sign_in(*ACCOUNTS)
        used = broker.pss_kib()
    with daemon(place, issuers.url) as broker:
        for account in ACCOUNTS:
            assert load.crowd(broker.token(account), 1, 1)[0] == 1
        idle = broker.pss_kib()
    print(f"  import aiohttp.web {least:6} KiB")
    print(f"  brokerd            {idle:6} KiB, ten tokens at hand")
    print(f"  brokerd            {used:6} KiB, after ten sign-ins")
    figures.ratio("over python -c 'import aiohttp.web'", idle, least, goal=1.5)
