"""`brokerctl stop`: ends the daemon."""

import click

from broker.control.detached import stop_detached
from broker.control.output import (
    json_option,
    say,
    say_json,
    tell,
    tells_errors,
    waiting,
)


@click.command()
@json_option
@tells_errors
def stop(*, as_json: bool) -> None:
    """Stop the daemon; a refresh under way ends first."""
    with waiting("waiting for the daemon to end"):
        stopped = stop_detached()
    if as_json:
        say_json({"stopped": stopped})
    elif stopped:
        say("brokerd has stopped")
    else:
        tell("brokerd was not running")
