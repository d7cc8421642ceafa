"""The kernel's keyring as two starts of the hardened service find it."""

from tests.project.tree import ROOT
from tests.system.person import BIN, Person, Said
from tests.system.user_manager import user_manager

KEEP = """
from broker.host import KernelKeyring
from broker.model.secret import SecretBytes
KernelKeyring().keep("brokerd:test:service", SecretBytes(b"0123456789"), 600)
"""

FIND_AND_REMOVE = """
from broker.host import KernelKeyring
print(KernelKeyring().find("brokerd:test:service").reveal().decode())
KernelKeyring().remove("brokerd:test:service")
print(KernelKeyring().find("brokerd:test:service"))
"""

OF_THE_START = ("Type=", "Exec", "Restart", "Watchdog")


def hardening() -> list[str]:
    """Every setting of the unit's service but how it is started."""
    unit = (ROOT / "systemd/brokerd.service").read_text()
    service = unit.partition("[Service]\n")[2].partition("\n[")[0]
    lines = [line for line in service.splitlines() if line and line[0] != "#"]
    return [line for line in lines if not line.startswith(OF_THE_START)]


def run_hardened(session: Person, script: str) -> Said:
    settings = [f"--property={line}" for line in hardening()]
    run = ["systemd-run", "--user", "--quiet", "--pipe", "--wait", *settings]
    return session.run(*run, "--", f"{BIN}/python", "-c", script)


def test_what_one_start_of_the_service_has_kept_the_next_one_finds(
    person: Person,
) -> None:
    with user_manager(person) as session:
        assert "SystemCallFilter=@system-service" in hardening()
        kept = run_hardened(session, KEEP)
        assert kept.status == 0, kept
        found = run_hardened(session, FIND_AND_REMOVE)
        assert found.output.split() == ["0123456789", "None"], found
