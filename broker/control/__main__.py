"""The door of `brokerctl`. `token` goes straight through: it is run most often."""

import sys


def main() -> None:
    """Run `brokerctl` with the words of the command line."""
    if sys.argv[1:2] == ["token"]:
        from brokerd_client.commands.token import main as token  # noqa: PLC0415 - fast

        sys.exit(
            token(sys.argv[2:], start_broker=_start_broker, program="brokerctl token")
        )
    from broker.control.commands import brokerctl  # noqa: PLC0415 - click is slow

    brokerctl(prog_name="brokerctl")


def _start_broker() -> None:
    from broker.control.start import start_broker  # noqa: PLC0415 - rarely needed

    start_broker()


if __name__ == "__main__":
    main()
