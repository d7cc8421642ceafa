"""Codes out of band: windows of a real browser, on an X server of the test's own."""

import re
import subprocess
from pathlib import Path

import pytest

from broker.host.xcb import Connection
from tests.system.browser import open_page, photograph
from tests.system.desktop import browser_of, chromium, desktop
from tests.system.issuers import Sandbox
from tests.system.person import Person
from tests.system.waiting import wait_until

# A page that has heard of this way in, and writes a title after the other.
FORGER = (
    "data:text/html,<title>News</title><script>let n = 0; setInterval(() => "
    "document.title = 'Success state=forged' %2B n%2B%2B %2B '%26code=stolen', 200)"
    "</script>"
)


@pytest.mark.parametrize("manager", ["openbox", None])
def test_the_code_is_read_from_the_title_and_its_window_closed(
    manager: str | None, person: Person, quick_sandbox: Sandbox, tmp_path: Path
) -> None:
    with desktop(manager) as desk, chromium(desk, tmp_path, FORGER):
        wait_until(lambda: desk.has("Success state=forged"), "the forged title")
        person.session["DISPLAY"] = desk.display
        said = person.brokerctl(
            *("login", "work", f"--issuer={quick_sandbox.url}"),
            f"--client-secrets={quick_sandbox.client_secrets}",
            *("--oob-auto", "--close-window", f"--browser={browser_of(person)}"),
        )
        assert said.status == 0, said
        assert said.complaint.count("passed over") == 1
        assert "belongs to another login" in said.complaint
        assert quick_sandbox.accepts(person.token("work"))
        wait_until(lambda: not desk.has("Success code="), "the window is gone")
        assert desk.has("Success state=forged")
    assert not any(re.search(r"\bcode=", heard) for heard in person.heard)


def test_the_window_is_left_where_nobody_asked_to_close_it(
    person: Person, quick_sandbox: Sandbox
) -> None:
    with desktop("openbox") as desk:
        person.session["DISPLAY"] = desk.display
        said = person.brokerctl(
            *("login", "work", f"--issuer={quick_sandbox.url}"),
            f"--client-secrets={quick_sandbox.client_secrets}",
            *("--oob-auto", f"--browser={browser_of(person)}"),
        )
        assert (said.status, said.complaint.count("passed over")) == (0, 0), said
        assert desk.has("Success code=")


def test_the_code_that_the_page_shows_is_pasted(
    person: Person, quick_sandbox: Sandbox
) -> None:
    process = person.start(
        *("brokerctl", "login", "work", f"--issuer={quick_sandbox.url}"),
        f"--client-secrets={quick_sandbox.client_secrets}",
        *("--oob", "--no-browser"),
        stdin=subprocess.PIPE,
    )
    assert process.stdout
    url = process.stdout.readline().rsplit(" ", 1)[-1].strip()
    with open_page() as page:
        page.goto(url)
        photograph(page, "sandbox-out-of-band")
        code = page.text_content("main code")
    said = person.finish(process, f"{code}\n")
    assert said.status == 0, said
    assert quick_sandbox.accepts(person.token("work"))


def test_a_server_that_ends_is_an_error_and_does_not_end_us() -> None:
    with desktop(None) as desk:
        assert desk.windows.all() == []
        desk.xvfb.terminate()
        desk.xvfb.wait()
        with pytest.raises(OSError, match="cannot be reached"):
            desk.windows.all()
    with pytest.raises(OSError, match="cannot be reached"):
        Connection()
