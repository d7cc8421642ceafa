"""The main job on the sandbox issuer, end to end, with real processes: `make demo`.

Everything lives in one new folder, which is removed at the end; nothing of yours
is read or written.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.demo.consent import walk_consent_page

ACCESS_TTL = 8
SCOPE = "https://www.googleapis.com/auth/drive.metadata.readonly"
CURL_BODY = '{"account":"demo"}'
BIN = Path(sys.executable).parent
LOGIN_SECONDS = 180


class DemoFailedError(Exception):
    """A step did not do what it is there to show."""


def main() -> int:
    """Run every step; the exit code says whether all of them did what they show."""
    with _own_folder() as folder, contextlib.ExitStack() as running:
        issuer = running.enter_context(_sandbox(folder))
        running.callback(_brokerctl, "stop")
        try:
            _sign_in(issuer)
            first = _three_ways_to_a_token()
            _past_expiry(first)
            _drive(issuer)
        except DemoFailedError as exc:
            _step(f"FAILED: {exc}")
            return 1
        _step("stop everything")
    _what_next()
    return 0


@contextlib.contextmanager
def _own_folder() -> Iterator[Path]:
    """A short path: a socket's may have a hundred bytes or so."""
    folder = Path(tempfile.mkdtemp(prefix="brokerd-"))
    for name in ("CONFIG", "STATE", "RUNTIME"):
        os.environ[f"BROKERD_{name}_DIR"] = str(folder / name.lower())
    # The demo's own daemon, even where the service is installed.
    os.environ["XDG_CONFIG_HOME"] = str(folder / "xdg")
    os.environ.pop("BROKERD_SOCKET", None)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def _sandbox(folder: Path) -> Iterator[dict[str, str]]:
    _step("start the sandbox issuer: its access tokens live 8 seconds")
    command = [str(BIN / "brokerd"), "sandbox", "--access-ttl", str(ACCESS_TTL)]
    command += ["--dir", str(folder / "sandbox")]
    _show(command)
    # It ends by SIGINT of its own: Ctrl-C here must not end it before the daemon.
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, process_group=0
    )
    try:
        assert process.stdout is not None  # PIPE
        line = process.stdout.readline()
        if not line:
            raise SystemExit("the sandbox did not start; its reason is above")
        print(line.rstrip())
        yield json.loads(line)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def _sign_in(issuer: dict[str, str]) -> None:
    has_display = any(os.environ.get(v) for v in ("DISPLAY", "WAYLAND_DISPLAY"))
    has_display = has_display or sys.platform == "darwin"
    _step("sign in once, over the real loopback redirect")
    command = [str(BIN / "brokerctl"), "login", "demo", "--issuer", issuer["issuer"]]
    command += ["--client-secrets", issuer["client_secrets"], "--scope", SCOPE]
    command += ["--timeout", str(LOGIN_SECONDS)]
    if has_display:
        _show(command)
        print("your browser opens: choose Allow")
        if subprocess.run(command, check=False).returncode:
            raise DemoFailedError("the sign-in did not end well")
        return
    command.append("--no-browser")
    _show(command)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None  # PIPE
    prompt = process.stdout.readline()
    print(prompt.rstrip())
    print("there is no display, so the demo walks the consent page itself")
    url = prompt.rsplit(" ", 1)[-1].strip()
    for visited in walk_consent_page(url):
        print(f"  {visited}")
    rest, _ = process.communicate(timeout=LOGIN_SECONDS)
    print(rest.rstrip())
    if process.returncode:
        raise DemoFailedError("the sign-in did not end well")


def _three_ways_to_a_token() -> str:
    _step("a token through brokerctl")
    _show(["brokerctl", "token", "demo"])
    token = _brokerctl("token", "demo").strip()
    print(_shortened(token))

    _step("a token through curl on the socket")
    socket = json.loads(_brokerctl("status", "--json"))["socket"]
    command = ["curl", "-s", "--unix-socket", socket, "http://broker/v1/token"]
    command += ["-H", "Accept: text/plain", "-d", CURL_BODY]
    _show(command)
    if shutil.which("curl"):
        print(
            _shortened(
                subprocess.run(
                    command, check=True, capture_output=True, text=True
                ).stdout
            )
        )
    else:
        print("(curl is not here, so this step is left out)")

    _step("a token through Python")
    print(">>> from brokerd_client import BrokerClient")
    print('>>> BrokerClient().token("demo")')
    from brokerd_client import BrokerClient

    print(repr(BrokerClient().token("demo")))
    return token


def _past_expiry(first: str) -> None:
    _step(f"wait until that token has expired ({ACCESS_TTL} seconds)")
    for left in range(ACCESS_TTL, 0, -1):
        _progress(f"{left:2d} s left")
        time.sleep(1)
    _progress("")
    _show(["brokerctl", "token", "demo"])
    second = _brokerctl("token", "demo").strip()
    print(_shortened(second))
    if second == first:
        raise DemoFailedError("the second token is the first one")
    print("a new one, and nobody was asked")


def _drive(issuer: dict[str, str]) -> None:
    _step("Google's own client library: the five most recently modified files")
    from googleapiclient.discovery import build

    from brokerd_client.google import Credentials

    print(">>> drive = build('drive', 'v3', credentials=Credentials('demo'))")
    print(
        ">>> drive.files().list(orderBy='modifiedByMeTime desc', pageSize=5).execute()"
    )
    endpoint = {"api_endpoint": f"{issuer['issuer']}/drive/v3/"}
    with build(
        "drive", "v3", credentials=Credentials("demo"), client_options=endpoint
    ) as drive:
        answer = (
            drive.files().list(orderBy="modifiedByMeTime desc", pageSize=5).execute()
        )
    for file in answer["files"]:
        print(f"  {file['name']}")
    if len(answer["files"]) != 5:
        raise DemoFailedError("there should have been five files")


def _what_next() -> None:
    print(
        """
The same with Google: make an OAuth client of the type "Desktop app" in the API
console, download its client_secret.json, then

    brokerctl login google --issuer google --client-secrets client_secret.json \\
        --scope https://www.googleapis.com/auth/drive.metadata.readonly
    brokerctl token google
"""
    )


def _brokerctl(*words: str) -> str:
    done = subprocess.run(
        [str(BIN / "brokerctl"), *words], check=False, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise DemoFailedError(f"brokerctl {words[0]} ended with {done.returncode}")
    return done.stdout


def _step(text: str) -> None:
    print(f"\n== {text}", flush=True)


def _show(command: list[str]) -> None:
    words = (f"'{word}'" if set(word) & set(' {"') else word for word in command)
    print("$", " ".join(words).replace(f"{BIN}/", ""), flush=True)


def _progress(text: str) -> None:
    """One line that is written over, on a terminal only."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def _shortened(token: str) -> str:
    """Enough to tell two tokens apart; a demo's output is often shared."""
    return f"…{token[-8:]} ({len(token)} characters)"


if __name__ == "__main__":
    sys.exit(main())
