"""The door of `brokerctl`. `token` goes straight through: it is run most often."""

import os
import sys


def main() -> None:
    """Run `brokerctl` with the words of the command line."""
    if sys.stdout is None:
        sys.stderr.write("brokerctl: error: cannot write: stdout is closed\n")
        sys.exit(1)
    try:
        _run()
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
        sys.exit(1)
    except OSError as exc:
        _drop_output()
        reason = (exc.strerror or "unknown").lower()
        sys.stderr.write(f"brokerctl: error: cannot write: {reason}\n")
        sys.exit(1)


def _run() -> None:
    if sys.argv[1:2] == ["token"]:
        from brokerd_client.commands.token import main as token  # noqa: PLC0415 - fast

        program = "brokerctl token"
        sys.exit(token(sys.argv[2:], start_broker=_start_broker, program=program))
    if sys.argv[1:2] == ["id-token"]:
        from brokerd_client.commands.id_token import (  # noqa: PLC0415 - as above
            main as id_token,
        )

        program = "brokerctl id-token"
        sys.exit(id_token(sys.argv[2:], start_broker=_start_broker, program=program))
    from broker.control.commands import brokerctl  # noqa: PLC0415 - click is slow

    brokerctl(prog_name="brokerctl")


def _start_broker() -> None:
    from broker.control.start import start_broker  # noqa: PLC0415 - rarely needed

    start_broker()


def _drop_output() -> None:
    """What is still buffered would be tried again, and complained of, at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
