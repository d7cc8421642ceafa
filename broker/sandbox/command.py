"""`brokerd sandbox`: reads the command line, serves until it is told to stop."""

import argparse
import asyncio
import json
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import platformdirs

from broker.model.errors import (
    BadRequestError,
    BrokerError,
    DirectoryUnsafeError,
    PortInUseError,
    StoreFailedError,
)
from broker.sandbox.server import RunningSandbox, SandboxOptions, start_sandbox
from broker.sandbox.validator import DEFAULT_SCOPES

_EXIT_CODES: dict[type[BrokerError], int] = {
    BadRequestError: 2,
    PortInUseError: 13,
    StoreFailedError: 24,
    DirectoryUnsafeError: 26,
}

_LAST_PORT = 65535
_LONGEST_LIFE_SECONDS = 10 * 365 * 24 * 3600


def run(argv: Sequence[str]) -> int:
    """Serve a sandbox until SIGINT or SIGTERM; the exit code.

    One line on stdout says where it is:
    `{"issuer": URL, "client_secrets": PATH, "api": URL}`. stderr has the command to
    sign in with.
    """
    options = parse_options(argv)
    try:
        asyncio.run(_serve(options))
    except KeyboardInterrupt:  # where the loop takes no signal handlers
        return 0
    except _OutputError as exc:
        sys.stderr.write(f"brokerd: error: {exc}\n")
        return 1
    except BrokerError as exc:
        sentence, hint = _explain(exc)
        sys.stderr.write(f"brokerd: error: {sentence}\nbrokerd: hint: {hint}\n")
        return _EXIT_CODES.get(type(exc), 1)
    return 0


def parse_options(argv: Sequence[str]) -> SandboxOptions:
    """The options of `brokerd sandbox`.

    Raises:
        SystemExit: 2 for wrong usage, 0 for --help, after argparse has printed.
    """
    parser = argparse.ArgumentParser(
        prog="brokerd sandbox",
        description="An authorization server to try with, on this computer only: "
        "real OAuth, an invented person and invented files.",
    )
    parser.add_argument(
        "--port", type=_port, default=0, help="default: any that is free"
    )
    parser.add_argument(
        "--access-ttl",
        type=_life,
        default=3600,
        metavar="SECONDS",
        help="life of an access token (default: 3600)",
    )
    parser.add_argument(
        "--refresh-ttl",
        type=_life,
        metavar="SECONDS",
        help="life of a sign-in (default: until the sandbox stops)",
    )
    parser.add_argument(
        "--auto-approve",
        action="store_true",
        help="answer without the consent page; the URL is to be opened all the same",
    )
    parser.add_argument(
        "--dir",
        type=Path,
        metavar="PATH",
        help="where client_secret.json goes (default: in brokerd's state folder)",
    )
    chosen = parser.parse_args(argv)
    return SandboxOptions(
        folder=(chosen.dir or _default_folder()).absolute(),
        port=chosen.port,
        access_ttl=chosen.access_ttl,
        refresh_ttl=chosen.refresh_ttl,
        auto_approve=chosen.auto_approve,
    )


class _OutputError(Exception):
    """Nobody can be told where the sandbox is; the message says why."""


async def _serve(options: SandboxOptions) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    if os.name == "posix":  # elsewhere Ctrl-C is a KeyboardInterrupt
        # Before the line is printed: who reads it may end us at once.
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
    sandbox = await start_sandbox(options)
    try:
        _announce(sandbox)
        await stop.wait()
    finally:
        await sandbox.close()


def _announce(sandbox: RunningSandbox) -> None:
    where = {
        "issuer": sandbox.issuer,
        "client_secrets": str(sandbox.client_secrets),
        "api": sandbox.api,
    }
    try:
        print(json.dumps(where), flush=True)  # noqa: T201 - of a command
    except OSError as exc:
        sys.stdout = None  # Python would try, and complain, again at exit
        raise _OutputError(
            f"cannot write: {(exc.strerror or 'unknown').lower()}"
        ) from exc
    sys.stderr.write(
        "brokerd: this is a sandbox: nothing real can be reached through it\n"
        f"brokerd: to sign in: {_login_command(sandbox)}\n"
    )


def _login_command(sandbox: RunningSandbox) -> str:
    """What a person types to sign in here; a shell takes it as it stands."""
    words = ["brokerctl", "login", "try", "--issuer", sandbox.issuer]
    words += ["--client-secrets", str(sandbox.client_secrets)]
    return shlex.join([*words, "--scope", *DEFAULT_SCOPES])


def _default_folder() -> Path:
    ours = os.environ.get("BROKERD_STATE_DIR")
    state = Path(ours) if ours else platformdirs.user_state_path("brokerd", False)
    return state / "sandbox"


def _explain(error: BrokerError) -> tuple[str, str]:
    """What is wrong, and what to do next."""
    match error:
        case PortInUseError(host=host, port=port):
            return (
                f"port {port} on {host} is taken",
                "choose another --port, or leave it out",
            )
        case DirectoryUnsafeError(path=path, what=what):
            return f"{path} cannot be used: {what}", "name a folder of yours with --dir"
        case StoreFailedError(what=what):
            return what, "name another folder with --dir"
        case BadRequestError(what=what):
            return what, "see brokerd sandbox --help"
        case _:
            return str(error), "see brokerd sandbox --help"


def _port(text: str) -> int:
    return _number(text, 0, _LAST_PORT)


def _life(text: str) -> int:
    return _number(text, 1, _LONGEST_LIFE_SECONDS)


def _number(text: str, first: int, last: int) -> int:
    if not (text.isascii() and text.isdigit() and first <= int(text[:12]) <= last):
        raise argparse.ArgumentTypeError(f"a whole number from {first} to {last}")
    return int(text)
