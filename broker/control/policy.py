"""`brokerctl policy`: which program may have which token."""

from collections.abc import Callable
from typing import TypedDict, Unpack

import click

from broker.control.broker import Broker, Json, members, text
from broker.control.output import (
    bad_usage,
    json_option,
    say,
    say_json,
    table,
    tell_note,
    tells_errors,
)
from broker.model.restriction import FOR_RESTRICTED
from broker.model.text import safe_text

LABELS = ("executable", "command", "script", "unit", "flatpak", "snap", "tty")

CERTAINTY = {"script": "guess"}
"""The other labels are claims, see `model.peer_facts`."""

_HELP = {
    "executable": "Its file, such as '/usr/bin/python3*'.",
    "command": "The name that it gives itself.",
    "script": "What an interpreter runs, as far as can be guessed.",
    "unit": "Its systemd unit, such as 'backup.service'.",
    "flatpak": "The id of a Flatpak application.",
    "snap": "The name of a snap.",
    "tty": "Its terminal, such as 'pts/3'.",
}


class TestWords(TypedDict, total=False):
    """The options of `brokerctl policy test`, as click hands them over."""

    executable: str | None
    command: str | None
    script: str | None
    unit: str | None
    flatpak: str | None
    snap: str | None
    tty: str | None
    pid: int | None
    socket: str | None
    scope: tuple[str, ...]
    resource: str | None
    operation: str | None


_VERDICT = click.argument("verdict", type=click.Choice(["allow", "ask", "deny"]))
_ACCOUNT = click.option("--account", metavar="NAME", help="Only of this account.")


def _label_options(command: Callable[..., None]) -> Callable[..., None]:
    for name in reversed(LABELS):
        option = click.option(f"--{name}", metavar="PATTERN", help=_HELP[name])
        command = option(command)
    return command


@click.group(short_help="Say which program may have which token.")
def policy() -> None:
    """Say which program may have which token without being asked about.

    The first rule that matches decides, then the account's default, then the default of
    all. What is known of a program, other programs of yours can imitate: rules keep
    from mistakes, restricted sockets and other users are walls.
    """


@policy.command()
@json_option
@tells_errors
def show(*, as_json: bool) -> None:
    """Show the rules in their order."""
    found = _current(Broker())
    if as_json:
        say_json(found)
    else:
        _show(found)


@policy.command()
@_VERDICT
@_ACCOUNT
@_label_options
@click.option(
    "--at",
    type=click.IntRange(min=1),
    metavar="N",
    help="Make it rule N; behind the others where not given.",
)
@json_option
@tells_errors
def set(  # noqa: A001 - the word that people type
    *,
    verdict: str,
    account: str | None,
    at: int | None,
    as_json: bool,
    **labels: str | None,
) -> None:
    """Allow, ask about or deny the tokens of an account, or of all.

    With labels it is a rule for programs that have them; each may be a pattern
    (* ? [abc]). Without, it is the default of --account, or of all.
    """
    broker = Broker()
    found = _current(broker)
    peer = {name: value for name, value in labels.items() if value is not None}
    if peer:
        rule: Json = {"verdict": verdict, "account": account, "peer": peer}
        rules = members(found, "rules")
        rules.insert(len(rules) if at is None else at - 1, rule)
        found["rules"] = rules
    elif at is not None:
        raise bad_usage("only a rule has a place", "name a label, such as --executable")
    elif account is not None:
        found["accounts"] = {**_accounts(found), account: verdict}
    else:
        found["default"] = verdict
    _put(broker, found, as_json=as_json)
    if account is not None:
        _tell_unknown(broker, account)


@policy.command()
@click.argument("number", type=click.IntRange(min=1), required=False)
@_ACCOUNT
@click.option("--all", "everything", is_flag=True, help="All: allow everything again.")
@json_option
@tells_errors
def unset(
    *, number: int | None, account: str | None, everything: bool, as_json: bool
) -> None:
    """Take away rule NUMBER, the default of --account, or --all."""
    if [number is not None, account is not None, everything].count(True) != 1:
        raise bad_usage(
            "it is not clear what to take away",
            "name one: a rule by its number, --account NAME, or --all",
        )
    broker = Broker()
    found = _current(broker)
    if number is not None:
        found["rules"] = _without(members(found, "rules"), number)
    elif account is not None:
        left = _accounts(found)
        if left.pop(account, None) is None:
            raise bad_usage(
                f"{account!r} has no default of its own", "`brokerctl policy show`"
            )
        found["accounts"] = left
    else:
        found = {"rules": [], "accounts": {}, "default": "allow"}
    _put(broker, found, as_json=as_json)


@policy.command()
@click.argument("account")
@_label_options
@click.option(
    "--pid",
    type=click.IntRange(min=1),
    metavar="PID",
    help="Of a program that runs now.",
)
@click.option("--socket", metavar="NAME", help="Through this restricted socket.")
@click.option(
    "--scope",
    multiple=True,
    metavar="SCOPE",
    help="Of a request there; may be repeated.",
)
@click.option("--resource", metavar="URI", help="Of a request there.")
@click.option(
    "--operation",
    type=click.Choice(sorted(each.value for each in FOR_RESTRICTED)),
    help="What is asked for there.  [default: token]",
)
@json_option
@tells_errors
def test(*, account: str, as_json: bool, **words: Unpack[TestWords]) -> None:
    """Say which rule decides about a token of ACCOUNT, for a program.

    Name the program by what is known of it, or by its --pid; without either it is this
    very brokerctl. With --socket it is about whoever comes in there, and says why a
    request is refused.
    """
    answer = Broker().call("POST", "/v1/policy/test", _tested(account, words))
    if as_json:
        say_json(answer)
        return
    say(f"{text(answer, 'verdict')}\t{text(answer, 'rule')}")
    if why := text(answer, "why"):
        tell_note(why)
    found = answer.get("labels")
    if isinstance(found, dict):
        for name, value in found.items():
            # Of a program that was looked at, not of one that was described.
            sure = "" if words.get(name) else f" (a {CERTAINTY.get(name, 'claim')})"
            tell_note(f"{name}: {value}{sure}")


def _tested(account: str, words: TestWords) -> Json:
    labels = {name: value for name in LABELS if (value := words.get(name)) is not None}
    if labels and words["pid"] is not None:
        raise bad_usage("a program is named twice", "give labels, or --pid")
    request: Json = {
        "socket": words["socket"],
        "scopes": [one for many in words["scope"] for one in many.split()] or None,
        "resource": words["resource"],
        "operation": words["operation"],
    }
    body: Json = {
        "account": account,
        "labels": labels or None,
        "pid": words["pid"],
        **request,
    }
    if words["socket"] is None and any(value is not None for value in request.values()):
        raise bad_usage(
            "rules are about accounts and programs, whatever is asked for",
            "--scope, --resource and --operation go with --socket NAME",
        )
    return {name: value for name, value in body.items() if value is not None}


def _current(broker: Broker) -> Json:
    return broker.call("GET", "/v1/policy")


def _put(broker: Broker, found: Json, *, as_json: bool) -> None:
    wanted = {name: found.get(name) for name in ("rules", "accounts", "default")}
    answer = broker.call("PUT", "/v1/policy", wanted)
    if as_json:
        say_json(answer)
    else:
        _show(answer)


def _tell_unknown(broker: Broker, account: str) -> None:
    """A policy may be there before the account: a word that is misspelt is no error."""
    listed = members(broker.call("GET", "/v1/accounts"), "accounts")
    if account not in [text(one, "account") for one in listed]:
        tell_note(f"there is no account {safe_text(account)!r} yet")


def _accounts(found: Json) -> dict[str, object]:
    accounts = found.get("accounts")
    return dict(accounts) if isinstance(accounts, dict) else {}


def _without(rules: list[Json], number: int) -> list[Json]:
    if number > len(rules):
        raise bad_usage(f"there is no rule {number}", "`brokerctl policy show`")
    return rules[: number - 1] + rules[number:]


def _show(found: Json) -> None:
    if found.get("damaged"):
        tell_note(
            "the policy in the store cannot be read, so nothing is allowed: set another"
        )
    rows = [_row(str(n), rule) for n, rule in enumerate(members(found, "rules"), 1)]
    for name, verdict in _accounts(found).items():
        rows.append(_line("", name, "its default", str(verdict)))
    table([*rows, _line("", "*", "default", text(found, "default"))])


def _row(number: str, rule: Json) -> dict[str, str]:
    peer = rule.get("peer")
    known = peer.items() if isinstance(peer, dict) else ()
    about = " ".join(f"{name}={safe_text(str(value))}" for name, value in known)
    account = text(rule, "account") or "*"
    return _line(number, account, about or "every program", text(rule, "verdict"))


def _line(number: str, account: str, about: str, verdict: str) -> dict[str, str]:
    return {"rule": number, "account": account, "for": about, "verdict": verdict}
