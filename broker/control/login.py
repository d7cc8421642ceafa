"""`brokerctl login`: the person's side of a sign-in."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Unpack

import click

from broker.control.broker import Broker, Json, text, texts
from broker.control.browser import is_safe_url, open_browser
from broker.control.device import show_device, tell_joined
from broker.control.login_end import ELSEWHERE, await_end
from broker.control.login_report import report
from broker.control.login_request import Words, login_body
from broker.control.login_titles import OOB_AUTO, titles_for
from broker.control.output import (
    json_option,
    say,
    say_json,
    tell,
    tell_note,
    tells_errors,
)
from brokerd_client import BrokerError

PROMPT_MESSAGE = "Please visit this URL to authorize this application: {url}"
"""What google_auth_oauthlib's run_local_server says, so that people know it."""

_START_SECONDS = 90
"""Discovery may ask two addresses, and each may take the outbound door's 25 s."""


@click.command()
@click.argument("name")
@click.option(
    "--issuer", metavar="ISSUER", help="Issuer URL, or a name of `brokerctl issuers`."
)
@click.option(
    "--mcp",
    metavar="URL",
    help="An MCP server, which says the rest; the tokens are for it alone.",
)
@click.option(
    "--client-secrets",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Google's client_secret.json, of a Desktop app or a web client.",
)
@click.option(
    "--client-id", metavar="ID", help="The client, where there is no such file."
)
@click.option(
    "--client-secret-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A file that holds the client secret alone.",
)
@click.option(
    "--scope",
    multiple=True,
    metavar="SCOPE",
    help="A scope to ask for; may be repeated.",
)
@click.option(
    "--add-scope",
    multiple=True,
    metavar="SCOPE",
    help="A scope to ask for besides those that you have; may be repeated.",
)
@click.option(
    "--resource",
    metavar="URI",
    help="The only API that the tokens are to be for (RFC 8707).",
)
@click.option(
    "--login-hint", metavar="WHO", help="Who is going to sign in, such as an address."
)
@click.option(
    "--param",
    multiple=True,
    metavar="NAME=VALUE",
    help="A further parameter of the authorization request; may be repeated.",
)
@click.option(
    "--dpop/--no-dpop",
    default=None,
    help="Tokens that only this broker can use: bound to a key of its own (RFC 9449).",
)
@click.option(
    "--paste",
    "way",
    flag_value="paste",
    help="Open no browser here; paste the address that it ends at.",
)
@click.option(
    "--oob",
    "way",
    flag_value="oob",
    help="The issuer's page shows a code; paste it (few issuers still do).",
)
@click.option(
    "--oob-auto",
    "way",
    flag_value="oob-auto",
    help="Read the code from the title of the browser's window (few issuers).",
)
@click.option(
    "--close-window",
    is_flag=True,
    help="With --oob-auto: close the window that was opened, as its title has a code.",
)
@click.option(
    "--device",
    "way",
    flag_value="device",
    help="Show a code that you enter on any other device (RFC 8628).",
)
@click.option(
    "--prompt", metavar="WORD", help="Such as login, consent or select_account."
)
@click.option(
    "--max-age",
    type=click.IntRange(0),
    metavar="SECONDS",
    help="How long ago the issuer may have seen you; it is asked to, and checked.",
)
@click.option(
    "--acr-values", metavar="VALUES", help="How strongly you are to prove who you are."
)
@click.option("--hd", metavar="DOMAIN", help="Google: the organization; checked.")
@click.option(
    "--redirect-uri",
    metavar="URI",
    help="The redirect URI, where the issuer fixes one.",
)
@click.option(
    "--response-mode",
    type=click.Choice(["query", "form_post"]),
    help="How the browser brings the answer.  [default: query]",
)
@click.option(
    "--host", metavar="HOST", help="Host of the redirect URI.  [default: 127.0.0.1]"
)
@click.option(
    "--bind",
    metavar="ADDRESS",
    help="Loopback address to listen on, if not the host's.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="A fixed port; otherwise any free one.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(1, 3600),
    metavar="SECONDS",
    help="Seconds to wait.  [default: 300; with --device as long as the code is good]",
)
@click.option("--again", is_flag=True, help="Begin anew, also where one is under way.")
@click.option(
    "--other-person",
    is_flag=True,
    help="Let another person than before have the account.",
)
@click.option(
    "--accept-issuer",
    is_flag=True,
    help="Take the issuer's endpoints also at other hosts than before.",
)
@click.option("--no-browser", is_flag=True, help="Open none; print the URL.")
@click.option(
    "--browser", metavar="NAME", help="Which browser, as Python's webbrowser names it."
)
@click.option(
    "--prompt-message",
    default=PROMPT_MESSAGE,
    metavar="TEXT",
    help="What is said with the URL; {url} stands for it; empty says nothing.",
)
@click.option(
    "--success-message", metavar="TEXT", help="A sentence for the page at the end."
)
@json_option
@tells_errors
def login(**words: Unpack[Words]) -> None:
    """Sign in as NAME, with the browser.

    The first time needs --issuer and --client-secrets or --client-id, where the issuer
    does not register clients by itself; or --mcp alone. After that, `brokerctl login
    NAME` alone repeats the sign-in; what is named then replaces what is stored.
    """
    broker = Broker()
    body = login_body(words)
    with _ended_as_by_ctrl_c(), titles_for(words) as titles:
        begun = broker.call("POST", "/v1/logins", body, timeout=_START_SECONDS)
        path = f"/v1/logins/{text(begun, 'id')}"
        try:
            _send_to_issuer(begun, words)
            way = text(begun, "way") or "loopback"
            if begun.get("elsewhere") is True:
                way = ELSEWHERE
            if titles is not None and way == OOB_AUTO:
                done = titles.await_end(broker, path)
            else:
                done = await_end(broker, path, way)
        except BaseException:
            # Whatever ends us, the listener is not left to wait for nobody.
            if begun.get("joined") is not True:
                with suppress(BrokerError):
                    broker.call("DELETE", path, start=False)
            raise
    report(done, words)


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


def _send_to_issuer(begun: Json, words: Words) -> None:
    if begun.get("elsewhere") is True:
        _tell_elsewhere(begun, words)
        return
    device = begun.get("device")
    if not isinstance(device, dict):
        _send_to_browser(begun, words)
    elif words["as_json"]:
        say_json({**begun, "browser_opened": False})
    else:
        show_device(device)
        if begun.get("joined") is True:
            tell_joined()


def _tell_elsewhere(begun: Json, words: Words) -> None:
    """Through a restricted socket: the browser is where the broker is."""
    if words["as_json"]:
        say_json({**begun, "browser_opened": False})
        return
    tell(
        "brokerctl: note: the browser opens where the broker runs, and whoever sits "
        "there signs in"
    )


def _send_to_browser(begun: Json, words: Words) -> None:
    url = text(begun, "authorization_url")
    if not is_safe_url(url):
        raise BrokerError(
            "issuer_invalid",
            "the authorization URL is not one that a browser should be given",
            "check the issuer and its metadata",
        )
    wants_none = words["no_browser"] or words["way"] == "paste"
    joined = begun.get("joined") is True
    opened = not wants_none and not joined and open_browser(url, words["browser"])
    if words["as_json"]:
        say_json({**begun, "browser_opened": opened})
        return
    prompt = words["prompt_message"].replace("{url}", url)
    # Where no browser shows it, nobody can do without the URL.
    for line in (prompt, "" if opened or url in prompt else url):
        if line:
            say(line)
    sys.stdout.flush()
    if not opened:
        for note in texts(begun, "notes"):
            tell_note(note)
    if joined:
        tell_note(
            "this sign-in is under way already, so no second page is opened; "
            "--again begins anew"
        )
    elif not opened and not wants_none:
        tell_note("no browser could be opened here: open the URL yourself")
