"""`brokerctl agent`: the daemon's hand in the person's session.

Listens to the daemon. Asks for the passphrase with the system's pinentry when the store
is locked, and puts questions about programs to the person. The daemon itself has no
display and starts no process.
"""

import shlex
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager

import click

from broker.control.agent_autostart import agent_install, agent_uninstall
from broker.control.agent_questions import WAYS, QuestionAsker
from broker.control.agent_unlock import Unlocker
from broker.control.broker import text, told
from broker.control.hook import ending_hooks
from broker.control.output import bad_usage, json_option, tells_errors
from broker.control.store import remember_option, remembered_seconds
from broker.control.watch import events
from broker.model import errors
from brokerd_client import BrokerError
from brokerd_client.exit_codes import INTERRUPTED

LOCK_NAME = "agent.lock"


@click.group(
    invoke_without_command=True,
    short_help="Ask for the passphrase and about programs, till Ctrl-C.",
)
@click.option(
    "--pinentry",
    default="pinentry",
    show_default=True,
    metavar="PROGRAM",
    help="What asks for the passphrase: a program that speaks Assuan, on PATH or by "
    "its path.",
)
@click.option(
    "--ask",
    "way",
    type=click.Choice(WAYS),
    default="auto",
    show_default=True,
    help="How to ask about programs: a notification with buttons, a page in the "
    "browser, your own COMMAND, or whichever is there.",
)
@click.option(
    "--command",
    metavar="COMMAND",
    help="Asks about programs: the question is on its standard input in JSON, and it "
    "writes once, session, always or deny. No shell reads it.",
)
@remember_option
@json_option
@click.pass_context
def agent(
    context: click.Context,
    *,
    pinentry: str,
    way: str,
    command: str | None,
    remember: str | None,
    as_json: bool,
) -> None:
    """Ask for the passphrase, and about programs, whenever need be, until Ctrl-C.

    A passphrase that you refuse is not asked for again before the next lock. A question
    about a program that you do not answer stays open: see `brokerctl approve`.
    """
    if context.invoked_subcommand is None:
        _run(
            pinentry=pinentry,
            way=way,
            command=command,
            remember=remember,
            as_json=as_json,
        )


agent.add_command(agent_install)
agent.add_command(agent_uninstall)


@tells_errors
def _run(
    *, pinentry: str, way: str, command: str | None, remember: str | None, as_json: bool
) -> None:
    seconds = remembered_seconds(remember)
    words = _words(way, command)
    try:
        with (
            _only_one(),
            ending_hooks(),
            closing(QuestionAsker(way, words, as_json=as_json)) as asker,
        ):
            unlocker = Unlocker(pinentry, seconds, as_json=as_json)
            for event in events(reconnect=True, start=False):
                asker.take(event)
                unlocker.take(text(event, "event"))
    except KeyboardInterrupt:  # how an agent ends: nothing went wrong
        sys.exit(INTERRUPTED)


def _words(way: str, command: str | None) -> list[str]:
    """The command as its words; empty where there is none.

    Raises:
        BrokerError: the two options do not go together, or a quotation has no end.
    """
    is_wanted = way == "command" or (way == "auto" and bool(command))
    if is_wanted is not bool(command):
        raise bad_usage(
            "--ask command and --command belong together",
            "brokerctl agent --ask command --command 'COMMAND ARGUMENT'",
        )
    try:
        return shlex.split(command or "")
    except ValueError as exc:
        raise bad_usage(f"--command: {exc}".lower(), "close the quotation") from exc


@contextmanager
def _only_one() -> Iterator[None]:
    """Held by the one agent of this person's daemon.

    Raises:
        BrokerError: another one runs, or the folder is not the person's alone.
    """
    # A fifth of a second that no other command needs.
    from broker.host import (  # noqa: PLC0415
        ensure_private_directory,
        hold_lock,
        runtime_directory,
    )

    path = runtime_directory() / LOCK_NAME
    try:
        ensure_private_directory(path.parent)
        lock = hold_lock(path)
    except errors.AlreadyRunningError as exc:
        raise BrokerError(
            exc.code,
            "another `brokerctl agent` runs already",
            "end that one first, where this one is to ask",
            facts={"path": exc.path},
        ) from exc
    except errors.BrokerError as exc:
        raise told(exc) from exc
    try:
        yield
    finally:
        lock.close()
