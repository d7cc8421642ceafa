"""The sandbox issuer on its loopback port. Knows no OAuth."""

import contextlib
import errno
import logging
import os
import socket
import time
from pathlib import Path

import msgspec
from aiohttp import web

from broker.model.errors import BadRequestError, PortInUseError
from broker.model.time import UnixTime
from broker.sandbox import registration
from broker.sandbox.application import Settings, build_application
from broker.sandbox.grants import Clock
from broker.sandbox.metadata import DRIVE_API

HOST = "127.0.0.1"

log = logging.getLogger(__name__)

# aiohttp's own logger writes the beginning of a request it cannot read, and so a
# code or a token; what goes wrong in our handlers is logged by `application.py`.
_silent = logging.getLogger(f"{__name__}.http")
_silent.disabled = True

_KEEPALIVE_SECONDS = 15
_SHUTDOWN_SECONDS = 1.0
_BACKLOG = 1024  # a herd of programs may ask at once


def system_clock() -> UnixTime:
    """The wall clock."""
    return UnixTime(time.time())


class SandboxOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the person chooses.

    Attributes:
        folder: where client_secret.json is written.
        port: 0 for any free port.
        access_ttl: life of an access token, in whole seconds from 1.
        refresh_ttl: life of all refresh tokens of one sign-in, counted from it, or
            None for no end.
        auto_approve: answer without the consent page.
        clock: the wall clock.
    """

    folder: Path
    port: int = 0
    access_ttl: int = 3600
    refresh_ttl: int | None = None
    auto_approve: bool = False
    clock: Clock = system_clock


class RunningSandbox:
    """A sandbox that serves until `close`."""

    def __init__(self, runner: web.AppRunner, issuer: str, path: Path) -> None:
        self._runner = runner
        self.issuer = issuer
        self.client_secrets = path
        self.api = issuer + DRIVE_API

    async def close(self) -> None:
        """Stop serving and let go of the port; all it granted is gone. Idempotent."""
        await self._runner.cleanup()


async def start_sandbox(options: SandboxOptions) -> RunningSandbox:
    """Take the port, write client_secret.json, serve.

    Raises:
        PortInUseError: the port is taken.
        BadRequestError: the port may not be had, or a life is not positive.
        DirectoryUnsafeError: others can write to the folder, or it is theirs.
        StoreFailedError: client_secret.json cannot be written.
    """
    lives = [options.access_ttl, options.refresh_ttl]
    if any(life is not None and life < 1 for life in lives):
        raise BadRequestError(what="a token lives at least one second")
    registration.verify_folder(options.folder)
    client = registration.new_or_same_client(options.folder)
    # Bound before anything else: only with the port is the issuer's name known.
    with contextlib.ExitStack() as undo:
        listening = undo.enter_context(_bind(options.port))
        issuer = f"http://{HOST}:{listening.getsockname()[1]}"
        path = registration.write_client_secrets(options.folder, client, issuer)
        settings = Settings(
            issuer=issuer,
            client_secrets=path,
            access_ttl=options.access_ttl,
            refresh_ttl=options.refresh_ttl,
            auto_approve=options.auto_approve,
            clock=options.clock,
        )
        runner = web.AppRunner(
            build_application(settings, client),
            access_log=None,
            keepalive_timeout=_KEEPALIVE_SECONDS,
            logger=_silent,
            shutdown_timeout=_SHUTDOWN_SECONDS,
        )
        await runner.setup()
        await web.SockSite(runner, listening, backlog=_BACKLOG).start()
        undo.pop_all()  # the runner closes it from here on
    log.info("sandbox.start.complete issuer=%s", issuer)
    return RunningSandbox(runner, issuer, path)


def _bind(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # a port that has just been let go of may be had again
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
        # Two sockets with SO_REUSEADDR may both bind; only one of them may listen.
        bound.listen(_BACKLOG)
    except OSError as exc:
        bound.close()
        if exc.errno == errno.EADDRINUSE:
            raise PortInUseError(host=HOST, port=port) from exc
        raise BadRequestError(what=f"port {port}: {exc.strerror}") from exc
    return bound
