"""`brokerctl login`: the person's side of a sign-in."""

import signal
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypedDict, Unpack

import click

from broker.control.broker import Broker, Json, text, texts
from broker.control.browser import is_safe_url, open_browser
from broker.control.output import (
    bad_usage,
    json_option,
    say,
    say_json,
    tell_note,
    tells_errors,
    waiting,
)
from brokerd_client import BrokerError
from brokerd_client.errors import error_from_problem

PROMPT_MESSAGE = "Please visit this URL to authorize this application: {url}"
"""What google_auth_oauthlib's run_local_server says, so that people know it."""

LARGEST_FILE = 64 * 1024
POLL_SECONDS = 30
"""Of one long poll; the daemon allows 60."""

_CALL_SECONDS = POLL_SECONDS + 30
_START_SECONDS = 90
"""Discovery may ask two addresses, and each may take the outbound door's 25 s."""


class _Words(TypedDict):
    """The options of `brokerctl login`, as click hands them over."""

    name: str
    issuer: str | None
    client_secrets: Path | None
    client_id: str | None
    client_secret_file: Path | None
    scope: tuple[str, ...]
    param: tuple[str, ...]
    login_hint: str | None
    redirect_uri: str | None
    host: str | None
    bind: str | None
    port: int | None
    timeout: float
    no_browser: bool
    browser: str | None
    prompt_message: str
    success_message: str | None
    as_json: bool


@click.command()
@click.argument("name")
@click.option("--issuer", help="Issuer URL, or google, microsoft, github, gitlab.")
@click.option(
    "--client-secrets",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Google's client_secret.json, of a Desktop app or a web client.",
)
@click.option("--client-id", help="The client, where there is no such file.")
@click.option(
    "--client-secret-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A file that holds the client secret alone.",
)
@click.option("--scope", multiple=True, help="A scope to ask for; may be repeated.")
@click.option("--login-hint", help="Who is going to sign in, such as an address.")
@click.option(
    "--param",
    multiple=True,
    metavar="K=V",
    help="A further parameter of the authorization request; may be repeated.",
)
@click.option("--redirect-uri", help="The redirect URI, where the issuer fixes one.")
@click.option("--host", help="Host of the redirect URI.  [default: 127.0.0.1]")
@click.option("--bind", help="Loopback address to listen on, if not the host's.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="A fixed port; otherwise any free one.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(1, 3600),
    default=300,
    show_default=True,
    help="Seconds to wait for the browser.",
)
@click.option("--no-browser", is_flag=True, help="Open none; print the URL.")
@click.option("--browser", help="Which browser, as Python's webbrowser names it.")
@click.option(
    "--prompt-message",
    default=PROMPT_MESSAGE,
    help="What is said with the URL; {url} stands for it; empty says nothing.",
)
@click.option("--success-message", help="A sentence for the page at the end.")
@json_option
@tells_errors
def login(**words: Unpack[_Words]) -> None:
    """Sign in as NAME, with the browser.

    The first time needs --issuer and --client-secrets or --client-id. After that,
    `brokerctl login NAME` alone repeats the sign-in; what is named then replaces
    what is stored.
    """
    broker = Broker()
    body = _body(words)
    with _ended_as_by_ctrl_c():
        begun = broker.call("POST", "/v1/logins", body, timeout=_START_SECONDS)
        path = f"/v1/logins/{text(begun, 'id')}"
        try:
            _send_to_browser(begun, words)
            done = _await_end(broker, path)
        except BaseException:
            # Whatever ends us, the listener is not left to wait for nobody.
            with suppress(BrokerError):
                broker.call("DELETE", path, start=False)
            raise
    _report(done, words)


@contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """A closed terminal and a kill end the login as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    numbers = [signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup(1) means it
        numbers.append(signal.SIGHUP)
    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _body(words: _Words) -> Json:
    """The request, with nothing in it that was not said."""
    redirect = {
        "host": words["host"],
        "bind": words["bind"],
        "port": words["port"],
        "uri": words["redirect_uri"],
    }
    secret = words["client_secret_file"]
    secrets = words["client_secrets"]
    body: Json = {
        "account": words["name"],
        "issuer": words["issuer"],
        "client_id": words["client_id"],
        "client_secret": None if secret is None else _read_secret(secret),
        "client_secrets": None if secrets is None else _read(secrets),
        "scopes": [one for many in words["scope"] for one in many.split()] or None,
        "parameters": _parameters(words["param"]),
        "login_hint": words["login_hint"],
        "redirect": {k: v for k, v in redirect.items() if v is not None} or None,
        "success_message": words["success_message"],
        "timeout": words["timeout"],
    }
    return {name: value for name, value in body.items() if value is not None}


def _parameters(params: tuple[str, ...]) -> Mapping[str, str] | None:
    pairs = dict(param.partition("=")[::2] for param in params)
    if not all("=" in param for param in params) or "" in pairs:
        raise bad_usage(
            "--param takes NAME=VALUE", "for example --param hd=example.com"
        )
    return pairs or None


def _read_secret(path: Path) -> str:
    """A file that holds a client secret alone."""
    secret = _read(path).strip()
    if not secret:
        raise bad_usage(f"{path} is empty", "it holds the client secret and no more")
    return secret


def _read(path: Path) -> str:
    """A file that holds a secret."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise bad_usage(f"{path} is too large to be it", "see which file you named")
        return data.decode("utf-8-sig")
    except OSError as exc:
        reason = exc.strerror or "unreadable"
        raise bad_usage(
            f"{path} cannot be read: {reason.lower()}", "see which file you named"
        ) from exc
    except UnicodeDecodeError:
        hint = "see which file you named"
        raise bad_usage(f"{path} is not a text file", hint) from None


def _send_to_browser(begun: Json, words: _Words) -> None:
    url = text(begun, "authorization_url")
    if not is_safe_url(url):
        raise BrokerError(
            "issuer_invalid",
            "the authorization URL is not one that a browser should be given",
            "check the issuer and its metadata",
        )
    opened = not words["no_browser"] and open_browser(url, words["browser"])
    if words["as_json"]:
        say_json({**begun, "browser_opened": opened})
        return
    prompt = words["prompt_message"].replace("{url}", url)
    # Where no browser shows it, nobody can do without the URL.
    for line in (prompt, "" if opened or url in prompt else url):
        if line:
            say(line)
    sys.stdout.flush()
    if not opened and not words["no_browser"]:
        tell_note("no browser could be opened here: open the URL yourself")


def _await_end(broker: Broker, path: str) -> Json:
    with waiting("waiting for the browser (Ctrl-C gives up)"):
        while True:
            answer = broker.call(
                "GET",
                f"{path}?wait={POLL_SECONDS}",
                start=False,
                timeout=_CALL_SECONDS,
            )
            if answer.get("state") != "pending":
                return answer


def _report(done: Json, words: _Words) -> None:
    problem = done.get("problem")
    if isinstance(problem, dict):
        raise error_from_problem(problem, _status(problem))
    if words["as_json"]:
        say_json(done)
        return
    say(f"signed in: {words['name']}")
    notes = [*texts(done, "notes"), *_scope_notes(done), *_file_notes(words)]
    for note in notes:
        tell_note(note)


def _status(problem: Json) -> int:
    status = problem.get("status")
    return status if isinstance(status, int) else 0


def _others_can_read(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except OSError:  # deleted already
        return False


def _scope_notes(done: Json) -> list[str]:
    notes = []
    if missing := texts(done, "missing_scopes"):
        notes.append(f"not granted: {', '.join(missing)}")
    if extra := texts(done, "extra_scopes"):
        were_asked = len(extra) < len(texts(done, "scopes")) or missing
        said = "granted besides" if were_asked else "you asked for no scope; granted"
        notes.append(f"{said}: {', '.join(extra)}")
    return notes


def _file_notes(words: _Words) -> list[str]:
    """The secret lies sealed now; its plaintext copy is better gone."""
    notes = []
    for path in (words["client_secrets"], words["client_secret_file"]):
        if path is None:
            continue
        notes.append(
            f"{path} is kept sealed by the broker now, and may be deleted; "
            "`brokerctl logout` forgets it too, unless you say --keep-sign-in"
        )
        if _others_can_read(path):
            notes.append(f"other users can read {path}: delete it, or chmod 600 it")
    return notes
