"""What was typed wrong, told as brokerctl tells everything. Knows no daemon.

click has a voice of its own for it, without a hint and without JSON.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

import click

from broker.control.output import bad_usage, tell_error
from brokerd_client.exit_codes import USAGE

_IN_JSON = "brokerctl.usage_errors.in_json"


class SpokenGroup(click.Group):
    """A group of commands that tells in our words what was typed wrong below it."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """As click's."""
        as_json = _wants_json(args)
        with _in_our_words(as_json=as_json):
            context = super().make_context(info_name, args, parent, **extra)
        context.meta[_IN_JSON] = as_json
        return context

    def invoke(self, ctx: click.Context) -> Any:
        """As click's."""
        with _in_our_words(as_json=ctx.meta[_IN_JSON]):
            return super().invoke(ctx)


class _BadUsage(click.ClickException):
    exit_code = USAGE

    def __init__(self, error: click.UsageError, *, as_json: bool) -> None:
        super().__init__(error.format_message())
        self._command = error.ctx.command_path if error.ctx else "brokerctl"
        self._as_json = as_json

    def show(self, file: IO[Any] | None = None) -> None:
        del file
        detail = self.message[:1].lower() + self.message[1:].rstrip(".")
        hint = f"`{self._command} --help` says what there is"
        tell_error(bad_usage(detail, hint), as_json=self._as_json)


@contextmanager
def _in_our_words(*, as_json: bool) -> Iterator[None]:
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise  # nothing was typed: that is answered with the help
    except click.UsageError as exc:
        raise _BadUsage(exc, as_json=as_json) from exc


def _wants_json(words: Sequence[str]) -> bool:
    """What stands behind '--' is another command's."""
    own = words[: words.index("--")] if "--" in words else words
    return "--json" in own
