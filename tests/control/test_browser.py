"""Which URLs a browser may be started with, and how that is done."""

import os
import sys
from pathlib import Path

import pytest

from broker.control.browser import is_safe_url, open_browser

GOOD = [
    "https://issuer.example/",
    "https://issuer.example/authorize?a=b%20c&d=%F0%9F#x",
    "https://[2001:db8::1]:8443/a",
    "http://127.0.0.1:8080/authorize",
    "http://127.0.0.1/",
    "http://localhost:1/a?b",
    "http://localhost",
    "http://[::1]:8080/",
]
BAD = [
    "",
    "-flag",
    "--new-window=https://a",
    " https://a.example/",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "data:text/html,x",
    "HTTPS://a.example/",
    "https:a.example",
    "https://",
    "https://a.example/\nx",
    "https://a.example/\r",
    "https://a.example/ x",
    "https://a.example/\tx",
    'https://a.example/"x',
    "https://a.example/`id`",
    "https://a.example/<x>",
    "https://a.example/\\x",
    "https://a.example/{x}",
    "https://a.example/|x",
    "https://a.example/^x",
    "https://a.example/é",
    "https://a.example/\u202e",
    "https://a.example/?%action",
    "https://a.example/?x=%action&y",
    "http://evil.example/",
    "http://localhost.evil.example/",
    "http://127.0.0.1.evil.example/",
    "http://127.0.0.1@evil.example/",
    "http://localhost:x@evil.example/",
    "http://localhost:80@evil.example/",
    "http://[::1]:80@evil.example/",
    "https://issuer.example@evil.example/",
    "https://issuer.example:443@evil.example/",
    "http://127.0.0.2:80/",
    "https://a.example/" + "x" * 40_000,
]


@pytest.mark.parametrize("url", GOOD)
def test_an_https_url_or_one_of_this_machine_is_safe(url: str) -> None:
    assert is_safe_url(url)


@pytest.mark.parametrize("url", BAD)
def test_nothing_else_is(url: str) -> None:
    assert not is_safe_url(url)
    assert not open_browser(url, "false %s")


@pytest.fixture
def browser(tmp_path: Path) -> Path:
    """A browser that writes down its arguments, one a line."""
    program = tmp_path / "browser"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$#" "$@" > "{tmp_path}/argv"\n')
    program.chmod(0o700)
    return program


@pytest.mark.parametrize("template", ["{} %s", "{} --private %s"])
def test_the_browser_gets_the_url_as_one_argument(
    browser: Path, tmp_path: Path, template: str
) -> None:
    url = "https://issuer.example/a?b=c&d=$(id);e='f'"
    assert open_browser(url, template.format(browser))
    count, *arguments = (tmp_path / "argv").read_text().splitlines()
    assert arguments[-1] == url
    assert int(count) == len(arguments) == (2 if "private" in template else 1)


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_a_browser_in_the_background_gets_the_url_as_one_argument(
    browser: Path, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "argv")  # who reads waits for the browser
    url = "https://issuer.example/a?b=c&d=$(id);e='f'"
    assert open_browser(url, f"{browser} %s &")
    assert (tmp_path / "argv").read_text().splitlines() == ["1", url]


def test_the_variable_of_the_person_is_honoured_where_none_is_named(
    browser: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webbrowser._tryorder", None)  # it reads BROWSER only once
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    assert open_browser("https://issuer.example/", None)
    assert (tmp_path / "argv").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is a display")
def test_without_a_display_no_text_browser_takes_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("webbrowser._tryorder", ["would-fail-if-it-were-asked"])
    assert not open_browser("https://issuer.example/", None)


@pytest.mark.parametrize("browser_", ["no-such-browser", "/no/such %s", "'%s", "\\"])
def test_a_browser_that_is_none_is_no_error_of_the_program(browser_: str) -> None:
    assert not open_browser("https://issuer.example/", browser_)
