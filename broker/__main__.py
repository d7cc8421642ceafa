"""The door of `brokerd`: serve, or `brokerd sandbox`."""

import gc
import os
import sys
from typing import TYPE_CHECKING

from msgspec.structs import replace

from broker import __version__

if TYPE_CHECKING:
    import argparse

    from broker.daemon import Options

_OBJECTS_A_COLLECTION = 20_000
_NEVER = 1_000
"""While importing, each object is looked at once: that takes a twentieth of the time,
and gives back half a megabyte of the classes that were made for other classes. Nothing
of what is left is garbage later: it is not looked for there again."""

_LEVELS = ("debug", "info", "warning", "error")


def main() -> None:
    """Run `brokerd` with the words of the command line."""
    if sys.argv[1:2] == ["sandbox"]:
        # Imported when it is asked for: the daemon never needs oauthlib's server side.
        from broker.sandbox.command import run  # noqa: PLC0415 - see above

        sys.exit(run(sys.argv[2:]))
    from broker.host import scrub_environment  # noqa: PLC0415 - not for the sandbox

    # Before anything else is imported: what is misleading is heeded at the import.
    scrub_environment(os.environ)
    usual = gc.get_threshold()
    gc.set_threshold(_OBJECTS_A_COLLECTION, _NEVER, _NEVER)
    from broker.daemon import Options, serve  # noqa: PLC0415 - not for the sandbox

    gc.freeze()
    gc.set_threshold(*usual)
    words = sys.argv[1:]
    options = _usual_options(words)
    if options is None:
        said = _parser().parse_args(words)
        options = Options(
            log_level=said.log_level, ready_fd=said.ready_fd, front=said.front
        )
    sys.exit(serve(options))


def _usual_options(words: list[str]) -> "Options | None":
    """What brokerctl and service managers say; None for what argparse must look at.

    That is half a megabyte which a daemon would keep for as long as it runs.
    """
    from broker.daemon import Options  # noqa: PLC0415 - not for the sandbox

    options, rest = Options(), iter(words)
    for word in rest:
        if word == "--no-front":
            options = replace(options, front=False)
        elif word == "--ready-fd" and (number := next(rest, "")).isdecimal():
            options = replace(options, ready_fd=int(number))
        elif word == "--log-level" and (level := next(rest, "")) in _LEVELS:
            options = replace(options, log_level=level)
        else:
            return None
    return options


def _parser() -> "argparse.ArgumentParser":
    import argparse  # noqa: PLC0415 - see `_usual_options`

    parser = argparse.ArgumentParser(
        prog="brokerd",
        description="The ssh-agent of OAuth: holds your grants, and hands every "
        "local program a fresh access token over a Unix socket.",
        epilog="`brokerd sandbox` runs an authorization server to try things with; "
        "`brokerd sandbox --help` says how. brokerctl manages the daemon, and "
        "starts it when it is needed.",
    )
    parser.add_argument("--version", action="version", version=f"brokerd {__version__}")
    parser.add_argument(
        "--log-level",
        choices=_LEVELS,
        default="info",
        help="what goes to stderr; no level ever shows a secret (default: info)",
    )
    parser.add_argument(
        "--ready-fd",
        type=int,
        metavar="FD",
        help="write one JSON line to this descriptor when serving, or why not",
    )
    parser.add_argument(
        "--no-front",
        dest="front",
        action="store_false",
        help="answer every request through the HTTP library: slower, and only of use "
        "to find out whether the short way for cached tokens is at fault",
    )
    return parser


if __name__ == "__main__":
    main()
