"""`brokerctl log`: who got what, out of the files of the audit.

Reads the files themselves: that works while no daemon runs, and the folder is the
person's own. Whether they are as they were written only the daemon can tell, which has
the key.
"""

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from broker.config import parse_span
from broker.control.broker import Broker, Json, text
from broker.control.output import (
    bad_usage,
    json_option,
    say,
    say_json,
    tell,
    tell_note,
    tells_errors,
    waiting,
)
from broker.model.strict_json import parse_json
from broker.model.text import safe_text
from brokerd_client import BrokerError
from brokerd_client.exit_codes import INTERRUPTED, exit_code

LOOK_SECONDS = 0.5
"""Between looks for new lines: as often as the daemon writes them."""

VERIFY_SECONDS = 300

_LINE_CHARACTERS = 2000

_PLAIN = re.compile(r'[^\s()="]*')

_TRUST = (
    "in a file that was changed trust the lines before that place, and none after, but "
    "for those after an audit.broken: it is there that the daemon itself found it so"
)


@click.group(invoke_without_command=True)
@click.option(
    "--follow", "-f", is_flag=True, help="Show what comes from now on, until Ctrl-C."
)
@click.option(
    "--since",
    metavar="TIME",
    help="Since then only: '1h', '2d', or '2026-11-27T09:00'.",
)
@click.option("--account", metavar="NAME", help="Of this account only.")
@click.option("--socket", metavar="NAME", help="Through this socket only.")
@json_option
@click.pass_context
@tells_errors
def log(
    ctx: click.Context,
    *,
    follow: bool,
    since: str | None,
    account: str | None,
    socket: str | None,
    as_json: bool,
) -> None:
    """Show who got which token, and all that was done.

    What is said of programs, others of yours can imitate. With --json, each line is as
    it lies in the file.
    """
    if ctx.invoked_subcommand is not None:
        return
    now = time.time()
    after = now if follow else None
    if since is not None:
        after = moment(since, now)

    def show(line: Json) -> None:
        if is_wanted(line, after=after, account=account, socket=socket):
            (say_json if as_json else _say)(line)

    try:
        _show_all(show, follow=follow)
    except KeyboardInterrupt:
        if not follow:
            raise
        sys.exit(INTERRUPTED)


@log.command()
@json_option
@tells_errors
def verify(*, as_json: bool) -> None:
    """Find out whether the log is as it was written.

    The daemon tells, which has the key. The exit code is 0 where nothing was changed.
    """
    with waiting("reading the whole log"):
        verdict = Broker().call("GET", "/v1/audit/verify", timeout=VERIFY_SECONDS)
    if as_json:
        say_json(verdict)
    else:
        for line in verdict_lines(verdict):
            say(line)
    if verdict.get("faults"):
        if not as_json:
            tell(f"brokerctl: hint: {_TRUST}")
        sys.exit(exit_code("audit_broken"))


def verdict_lines(verdict: Json) -> list[str]:
    """What the daemon found, for people."""
    lines, torn = text(verdict, "lines"), verdict.get("torn")
    said = [f"{lines} lines are as they were written"]
    if isinstance(torn, int) and torn:
        said.append(f"{torn} more were cut off by a crash, which the log says itself")
    faults = verdict.get("faults")
    for fault in faults if isinstance(faults, list) else ():
        where = f"{text(fault, 'file')}, line {text(fault, 'line')}"
        said.append(f"CHANGED: {where}: {text(fault, 'what')}")
    return said


def moment(words: str, now: float) -> float:
    """'1h' ago, or a date in ISO 8601, which is local where it names no zone.

    Raises:
        BrokerError: neither.
    """
    try:
        return now - parse_span(words)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(words).astimezone(UTC).timestamp()
    except (ValueError, OverflowError, OSError):
        raise bad_usage(
            f"{safe_text(words)!r} is neither a time ago nor a date",
            "such as --since 1h, --since 2d or --since 2026-11-27T09:00",
        ) from None


def is_wanted(
    line: Json, *, after: float | None, account: str | None, socket: str | None
) -> bool:
    """Whether no filter is against it."""
    at = line.get("at")
    is_late = after is None or (isinstance(at, float | int) and at >= after)
    is_of_account = account is None or line.get("account") == account
    return is_late and is_of_account and socket in (None, line.get("socket"))


def line_words(line: Json) -> str:
    """A line for people, such as '2026-11-27 09:00:01 token work served to curl'."""
    words = [_when(line.get("at")), text(line, "operation")]
    words += [text(line, name) for name in ("account", "result", "code")]
    if line.get("times") is not None:
        words.append(f"{text(line, 'times')} times")
    if line.get("lost") is not None:
        words.append(f"{text(line, 'lost')} entries are lost")
    words += [_peer_words(line.get("peer"))]
    for name in ("socket", "scopes", "resource", "rule"):
        if text(line, name):
            words.append(f"{name}={_apart(text(line, name))}")
    if text(line, "detail"):
        words.append(f"detail={text(line, 'detail')}")
    if line.get("unsealed") is True:
        words.append("(unsealed)")
    return safe_text(" ".join(word for word in words if word), _LINE_CHARACTERS)


def _when(at: object) -> str:
    """The moment, which any program of the person's may have put there."""
    try:
        when = datetime.fromtimestamp(at if isinstance(at, float | int) else 0, UTC)
        return f"{when.astimezone():%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return "at no time"


def _peer_words(peer: object) -> str:
    if not isinstance(peer, dict):
        return ""
    claims, guesses = peer.get("claims"), peer.get("guesses")
    said = {
        **(guesses if isinstance(guesses, dict) else {}),
        **(claims if isinstance(claims, dict) else {}),
    }
    name = said.get("script") or said.get("executable") or said.get("command")
    words = "by "
    words += _apart(str(name)) if name else f"uid {peer.get('uid')}"
    facts = [f"pid {peer['pid']}"] if "pid" in peer else []
    facts += [_apart(str(said[name])) for name in ("unit", "tty") if name in said]
    return f"{words} ({', '.join(facts)})" if facts else words


def _apart(word: str) -> str:
    """A name in quotes where it could pass for the words around it."""
    return word if _PLAIN.fullmatch(word) else json.dumps(word, ensure_ascii=False)


def _say(line: Json) -> None:
    say(line_words(line))


def _show_all(show: Callable[[Json], None], *, follow: bool) -> None:
    from broker.host.paths import state_directory  # noqa: PLC0415 - platformdirs
    from broker.store.audit_files import audit_files  # noqa: PLC0415 - as above

    folder = state_directory()
    files = audit_files(folder)
    if not files and not follow:
        tell_note(f"there is no audit log in {folder} yet")
    for line in _lines(folder, files, follow=follow):
        show(line)


def _lines(folder: Path, files: list[Path], *, follow: bool) -> Iterator[Json]:
    from broker.store.audit_files import (  # noqa: PLC0415 - see above
        AUDIT_NAME,
        lines_of,
    )

    for path in files:
        if follow and path.name == AUDIT_NAME:
            continue  # is read below, to its end and beyond
        try:
            for raw in lines_of(path):
                yield from _parsed(raw)
        except FileNotFoundError:  # taken away since
            continue
        except OSError as exc:
            what = f"{path} cannot be read: {exc.strerror}"
            raise BrokerError("store_failed", what, "see `brokerctl doctor`") from exc
    if follow:
        yield from _followed(folder)


def _followed(folder: Path) -> Iterator[Json]:
    """Every line of the newest file, and those that come, in the next one too."""
    from broker.store.audit_files import AUDIT_NAME  # noqa: PLC0415 - see above

    path = folder / AUDIT_NAME
    while True:
        try:
            stream = path.open("rb")
        except FileNotFoundError:
            time.sleep(LOOK_SECONDS)
            continue
        with stream:
            rest = b""
            while True:
                has_turned = _is_another(path, stream.fileno())
                *whole, rest = (rest + stream.read()).split(b"\n")
                for raw in whole:
                    yield from _parsed(raw)
                if has_turned:
                    break
                time.sleep(LOOK_SECONDS)


def _is_another(path: Path, descriptor: int) -> bool:
    """Whether another file has the name by now."""
    try:
        return not os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return True


def _parsed(raw: bytes) -> Iterator[Json]:
    try:
        line = parse_json(raw)
    except ValueError:
        line = None
    if isinstance(line, dict):
        yield line
    else:
        shown = safe_text(raw.decode(errors="replace"))
        tell(f"brokerctl: note: no line of the log: {shown}")
