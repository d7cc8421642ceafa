"""Runs the service manager's own command. Knows neither units nor click's options."""

import subprocess
from collections.abc import Sequence

import msgspec

from brokerd_client import BrokerError

CALL_SECONDS = 60
"""Longer than systemd and launchd themselves wait for a service to start."""


class ServiceError(BrokerError):
    """The service could not be put in place, taken away or looked at."""

    def __init__(self, detail: str, hint: str) -> None:
        super().__init__("service_failed", detail, hint)

    def __reduce__(self) -> tuple[object, ...]:
        return (ServiceError, (self.detail, self.hint))


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a command said: its exit status and both outputs, stripped."""

    status: int
    output: str
    complaint: str


def ask(command: Sequence[str]) -> Answer:
    """Run `command` and take its answer, whatever its exit status.

    Raises:
        ServiceError: it cannot be run, or it does not come back.
    """
    try:
        done = subprocess.run(  # noqa: S603 - our own words, and no shell reads them
            command,
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=CALL_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise ServiceError(
            f"{command[0]} could not be asked: {exc}",
            "run the daemon without a service manager: brokerd",
        ) from exc
    return Answer(
        status=done.returncode,
        output=done.stdout.strip(),
        complaint=done.stderr.strip(),
    )


def demand(command: Sequence[str]) -> None:
    """Run `command`, which must succeed.

    Raises:
        ServiceError: it did not; its own last line is in the sentence.
    """
    answer = ask(command)
    if answer.status != 0:
        said = (answer.complaint or answer.output or "no reason given").splitlines()
        raise ServiceError(
            f"{' '.join(command)}: {said[-1]}",
            "look at its state with: brokerctl service status",
        )
