"""The door of `brokerd`: serve, or `brokerd sandbox`."""

import argparse
import gc
import os
import sys

from broker import __version__

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
    words = _parser().parse_args()
    sys.exit(
        serve(
            Options(
                log_level=words.log_level, ready_fd=words.ready_fd, front=words.front
            )
        )
    )


def _parser() -> argparse.ArgumentParser:
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
