import json
import subprocess
import sys

import pytest

from broker.host.process import scrub_environment

LINUX_PR_SET_DUMPABLE = 4

HARDENED = """
import ctypes, json, os, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(
    resource.RLIMIT_NOFILE)[1]))
from broker.host.process import harden
harden()
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
print(json.dumps({
    "dumpable": ctypes.CDLL(None).prctl(3, 0, 0, 0, 0),
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "files": soft == hard,
    "umask": os.umask(0),
}))
"""

TELLS = """
import resource
from broker.host.process import harden, process_facts
resource.setrlimit(resource.RLIMIT_CORE, (7, 7))
before = process_facts()
harden()
after = process_facts()
print(before.is_traceable, before.core_bytes, after.is_traceable, after.core_bytes)
"""

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="prctl, /proc")


@linux_only
def test_a_hardened_process_dumps_nothing_and_keeps_its_files_private() -> None:
    said = subprocess.check_output([sys.executable, "-c", HARDENED])  # noqa: S603 - our own code
    assert json.loads(said) == {
        "dumpable": 0,
        "core": [0, 0],
        "files": True,
        "umask": 0o077,
    }


@linux_only
def test_a_process_says_how_closed_it_is() -> None:
    said = subprocess.check_output([sys.executable, "-c", TELLS], text=True)  # noqa: S603 - as above
    assert said == "True 7 False 0\n"


def test_variables_that_weaken_the_daemon_are_removed_and_named() -> None:
    environ = {
        "OAUTHLIB_INSECURE_TRANSPORT": "1",
        "OAUTHLIB_RELAX_TOKEN_SCOPE": "1",
        "SSLKEYLOGFILE": "/tmp/keys",  # noqa: S108 - never opened
        "BROWSER": "evil %s",
        "SSL_CERT_FILE": "/etc/ssl/corporate.pem",
        "HTTPS_PROXY": "http://proxy:3128",
        "HOME": "/home/me",
    }
    assert scrub_environment(environ) == (
        "BROWSER",
        "OAUTHLIB_INSECURE_TRANSPORT",
        "OAUTHLIB_RELAX_TOKEN_SCOPE",
        "SSLKEYLOGFILE",
    )
    assert set(environ) == {"SSL_CERT_FILE", "HTTPS_PROXY", "HOME"}
