"""The commands of brokerctl, put together."""

from collections.abc import Sequence

import click

from broker import __version__
from broker.control.accounts import accounts, default, logout
from broker.control.adding import add
from broker.control.agent import agent
from broker.control.approve import approve
from broker.control.backups import backup, restore
from broker.control.client_metadata import client_metadata
from broker.control.consents import consents
from broker.control.daemon import stop
from broker.control.doctor import doctor
from broker.control.export import export
from broker.control.importing import import_
from broker.control.issuers import issuers
from broker.control.keys import key
from broker.control.log import log
from broker.control.login import login
from broker.control.pending import pending
from broker.control.policy import policy
from broker.control.proofs import dpop_proof
from broker.control.scan import scan
from broker.control.service import service
from broker.control.sockets import socket_
from broker.control.start import start_broker
from broker.control.status import status
from broker.control.store import init, lock, unlock
from broker.control.usage_errors import SpokenGroup
from broker.control.watch import watch
from broker.control.workload_token import workload_token
from brokerd_client.commands.id_token import main as id_token_main
from brokerd_client.commands.token import main as token_main
from brokerd_client.exit_codes import exit_code_lines


class _Brokerctl(SpokenGroup):
    """A group whose help ends with the exit codes."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Exit codes"):
            rows = (line.strip().partition("  ") for line in exit_code_lines())
            formatter.write_dl([(code, names) for code, _, names in rows])


@click.group(cls=_Brokerctl, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(
    __version__, prog_name="brokerctl", message="%(prog)s %(version)s"
)
def brokerctl() -> None:
    """Sign in once; every local program gets a fresh access token.

    Begin with `brokerctl login NAME --issuer google --client-secrets FILE`, then
    `brokerctl token NAME`. The daemon starts by itself.
    """


@brokerctl.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def token(words: Sequence[str]) -> None:
    """Print a fresh access token of NAME."""
    raise SystemExit(
        token_main(list(words), start_broker=start_broker, program="brokerctl token")
    )


@brokerctl.command(
    "id-token",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def id_token(words: Sequence[str]) -> None:
    """Print an ID token of NAME."""
    program = "brokerctl id-token"
    raise SystemExit(
        id_token_main(list(words), start_broker=start_broker, program=program)
    )


for _command in (
    login,
    add,
    issuers,
    accounts,
    default,
    logout,
    scan,
    import_,
    export,
    pending,
    client_metadata,
    workload_token,
    status,
    stop,
    policy,
    dpop_proof,
    log,
    watch,
    agent,
    approve,
    consents,
    init,
    lock,
    unlock,
    key,
    backup,
    restore,
    doctor,
    service,
    socket_,
):
    brokerctl.add_command(_command)
