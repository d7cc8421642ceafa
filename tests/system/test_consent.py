"""A person is asked about a program: on a page, by a notification, at a terminal."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page  # type: ignore[import-not-found]

from tests.system.browser import SCREENSHOTS, open_page, photograph
from tests.system.desktop import desktop
from tests.system.hunt import hunt
from tests.system.issuers import Sandbox, sandbox
from tests.system.keyring import session_bus
from tests.system.notifications import (
    OF_NOTIFICATION_DAEMON,
    await_picture,
    dunst,
    notification_daemon,
    photograph_screen,
)
from tests.system.person import Person, own
from tests.system.sign_in import sign_in
from tests.system.terminal import terminal
from tests.system.waiting import wait_until

NOT_PERMITTED = 22
DRIVE = "https://www.googleapis.com/auth/drive"
HOSTILE = "<script>\x1b[2K\u202e&amp;'\"<b>"


@pytest.fixture
def issuer(person: Person) -> Iterator[Sandbox]:
    """A sandbox whose tokens outlive whatever a browser takes to close."""
    with sandbox(person, "--auto-approve") as running:
        yield running


@pytest.fixture
def asked(person: Person, issuer: Sandbox) -> Person:
    """Somebody with an account whose tokens are asked about."""
    sign_in(person, "demo", issuer, f"--scope={DRIVE} {DRIVE}.readonly")
    assert person.brokerctl("policy", "set", "ask", "--account", "demo").status == 0
    return person


def begin(person: Person, *words: str) -> subprocess.Popen[str]:
    """A program that waits for its token, once the person is asked about it."""
    process = person.start("brokerctl", "token", "demo", *words)
    wait_until(lambda: bool(questions(person)), "the person is asked")
    return process


def begin_curl(person: Person, program: str = "curl") -> subprocess.Popen[str]:
    """The same with curl, or a copy of it under another name."""
    words = ["--silent", "--unix-socket", str(person.socket), "-d", '{"wait": 60}']
    process = person.start(program, *words, "http://broker/v1/token")
    wait_until(lambda: bool(questions(person)), "the person is asked")
    return process


def curled(person: Person, process: subprocess.Popen[str]) -> str:
    """The token that curl has got."""
    said = person.finish(process)
    person.heard.remove(said.output)
    return str(json.loads(said.output)["access_token"])


def token(person: Person, process: subprocess.Popen[str]) -> str:
    said = person.finish(process)
    assert said.status == 0, said
    person.heard.remove(said.output)
    return said.output.strip()


def questions(person: Person) -> list[dict[str, object]]:
    found = person.json("approve")["questions"]
    assert isinstance(found, list)
    return found


def call(person: Person, method: str, path: str, body: object = None) -> object:
    """What a program of the person's gets from the daemon, by curl."""
    words = ["--silent", "--unix-socket", str(person.socket), "-X", method]
    said = person.run("curl", *words, "-d", json.dumps(body), f"http://broker{path}")
    return json.loads(said.output)


@contextmanager
def the_agent(person: Person, *words: str) -> Iterator[Path]:
    """`brokerctl agent`, and the file that it writes to."""
    heard = person.home / "agent.log"
    script = f'exec brokerctl agent "$@" >{heard} 2>&1'
    process = person.start("sh", "-c", script, "sh", *words)
    wait_until((person.runtime / "brokerd/agent.lock").exists, "it listens")
    try:
        yield heard
    finally:
        process.terminate()
        person.finish(process)
        person.heard.append(heard.read_text())


def forge_presses(person: Person) -> None:
    """What a program of the session can say about buttons that nobody has pressed."""
    where = ("/org/freedesktop/Notifications", "org.freedesktop.Notifications")
    for number in range(1, 6):
        said = person.run(
            *("dbus-send", "--session", "--type=signal", where[0]),
            *(f"{where[1]}.ActionInvoked", f"uint32:{number}", "string:always"),
        )
        assert said.status == 0


def test_the_page_shows_the_question_and_its_button_is_the_answer(
    asked: Person, issuer: Sandbox
) -> None:
    waiting = begin_curl(asked)
    (question,) = questions(asked)
    path = f"/v1/questions/{question['id']}/page"
    page_of = call(asked, "POST", path, {})
    assert isinstance(page_of, dict)
    with open_page() as page:
        page.goto(page_of["url"])
        assert page.inner_text("h1") == ("May curl have an access token of demo?")
        assert "may be imitated by programs running as you" in page.inner_text("main")
        assert f"{DRIVE}.readonly" in page.inner_text("dl")
        photograph(page, "question")
        assert [takes_clicks(page, at_seconds=0), takes_clicks(page)] == [False, True]
        page.click("button.once")
        assert page.inner_text("h1") == "Allowed"
        photograph(page, "allowed")
    first = curled(asked, waiting)
    assert issuer.accepts(first)
    again = call(asked, "POST", "/v1/token", {"wait": 0})
    assert isinstance(again, dict)
    assert again["code"] == "consent_pending"  # it was once
    hunt(asked, [first], kept=["client_secret.json"])


WHAT_IS_CLICKED = """seconds => {
  // Begun anew: the real one may have ended by now.
  for (const button of document.querySelectorAll("button")) {
    button.style.animationName = "none";
    button.getAnimations();
    button.style.animationName = "";
  }
  for (const one of document.getAnimations()) {
    one.pause();
    seconds === null ? one.finish() : one.currentTime = 1000 * seconds;
  }
  const box = document.querySelector("button.once").getBoundingClientRect();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  return document.elementFromPoint(x, y).className === "once";
}"""


def takes_clicks(page: Page, at_seconds: float | None = None) -> bool:
    """Whether a click on 'Allow once' is one: so long after it was shown, or later."""
    return bool(page.evaluate(WHAT_IS_CLICKED, at_seconds))


READ_THE_ARGUMENTS = """
import encodings.idna, os, pathlib, sys, urllib.error, urllib.request
os.setgroups([]); os.setgid(65534); os.setuid(65534)
url = sys.argv.pop()

def names(process):
    try:
        return url.encode() in process.read_bytes()
    except OSError:  # it has ended
        return False

for process in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    if process.parent.name == str(os.getpid()) or not names(process):
        continue
    try:
        print(urllib.request.urlopen(url).status)
    except urllib.error.HTTPError as refused:
        print(refused.code)
    break
"""


def test_another_user_who_reads_the_address_off_the_browser_is_shown_nothing(
    asked: Person,
) -> None:
    browser = asked.home / "browser"
    browser.write_text("#!/bin/sh\nsleep 30\n")
    browser.chmod(0o755)
    own(browser)
    asked.session["BROWSER"] = str(browser)
    with the_agent(asked, "--ask", "page"):
        waiting = begin_curl(asked)
        (question,) = questions(asked)
        page = call(asked, "POST", f"/v1/questions/{question['id']}/page", {})
        assert isinstance(page, dict)
        assert read_the_arguments(page["url"]) == "403"
        shown = asked.run("curl", "--silent", page["url"]).output
        assert "May curl have an access token of demo?" in shown
        assert asked.brokerctl("approve", str(question["id"]), "--deny").status == 0
        asked.finish(waiting)


def read_the_arguments(url: str) -> str:
    """What another user is answered who has seen `url` among all arguments."""
    found = ""

    def has_read() -> bool:
        nonlocal found
        words = [sys.executable, "-c", READ_THE_ARGUMENTS, url]
        said = subprocess.run(words, capture_output=True, text=True, check=True)
        found = said.stdout.strip()
        return bool(found)

    wait_until(has_read, "somebody else has the address")
    return found


def test_the_page_denies_with_the_return_key_and_shows_no_markup_of_a_program(
    asked: Person,
) -> None:
    program = asked.home / HOSTILE
    shutil.copy("/usr/bin/curl", program)
    own(program)
    process = begin_curl(asked, str(program))
    (question,) = questions(asked)
    page_of = call(asked, "POST", f"/v1/questions/{question['id']}/page", {})
    assert isinstance(page_of, dict)
    with open_page(dark=True) as page:
        page.goto(page_of["url"])
        title = page.inner_text("h1")
        assert "<script> [2K &amp;'\"<b>" in title
        assert page.locator("main script, main b").count() == 0
        photograph(page, "question-hostile")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector("body.refusal")
    assert '"not_permitted"' in asked.finish(process).output
    said = asked.brokerctl("approve")
    assert "no question is open" in said.complaint


def test_a_notification_has_buttons_and_to_wipe_it_away_is_no_answer(
    asked: Person, issuer: Sandbox
) -> None:
    with (
        desktop(None) as desk,
        session_bus(asked, services=False),
        dunst(asked, desk) as shown,
        the_agent(asked) as heard,
    ):
        waiting = begin_curl(asked)
        wait_until(lambda: shown.shown() == 1, "it is shown")
        shown.close()
        assert len(questions(asked)) == 1
        (question,) = questions(asked)
        assert asked.brokerctl("approve", str(question["id"]), "--deny").status == 0
        assert '"not_permitted"' in asked.finish(waiting).output

        waiting = begin(asked, "--scope", f"{DRIVE}.readonly")
        wait_until(lambda: shown.shown() == 1, "the next one is shown")
        shown.press("This session")
        assert issuer.accepts(token(asked, waiting))
        wait_until(lambda: "session" in heard.read_text(), "the agent says so")
        wait_until(lambda: shown.shown() == 0, "it is gone")


def test_a_notification_as_people_see_it(asked: Person) -> None:
    with (
        desktop("openbox") as desk,
        session_bus(asked, services=False),
        notification_daemon(asked, desk),
        the_agent(asked, "--ask", "notification"),
    ):
        waiting = begin_curl(asked)
        await_picture(desk.frame, OF_NOTIFICATION_DAEMON)
        picture = SCREENSHOTS / "notification.png"
        photograph_screen(desk.frame, picture, OF_NOTIFICATION_DAEMON)
        (question,) = questions(asked)
        assert asked.brokerctl("approve", str(question["id"]), "--deny").status == 0
        asked.finish(waiting)


def test_a_program_chooses_no_markup_and_no_end_of_a_notification(
    asked: Person,
) -> None:
    program = asked.home / HOSTILE
    shutil.copy("/usr/bin/curl", program)
    own(program)
    with (
        desktop(None) as desk,
        session_bus(asked, services=False),
        dunst(asked, desk) as shown,
        the_agent(asked, "--ask", "notification"),
    ):
        waiting = begin_curl(asked, str(program))
        wait_until(lambda: shown.shown() == 1, "it is shown")
        photograph_screen(desk.frame, SCREENSHOTS / "notification-hostile.png")
        shown.close()
        (sent,) = shown.history()
        assert "&lt;script&gt; [2K &amp;amp;'\"&lt;b&gt; (claimed)" in str(sent["body"])
        assert sent["timeout"] == 0  # else it would go while the person is away
        waiting.terminate()
        asked.finish(waiting)


def test_what_no_notification_can_show_whole_is_shown_on_the_page(
    person: Person, issuer: Sandbox
) -> None:
    scopes = " ".join(f"{DRIVE}.{number}" for number in range(20))
    sign_in(person, "demo", issuer, f"--scope={scopes}")
    assert person.brokerctl("policy", "set", "ask", "--account", "demo").status == 0
    browser = person.home / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" >{person.home}/opened\n')
    browser.chmod(0o755)
    own(browser)
    with (
        desktop(None) as desk,
        session_bus(person, services=False),
        dunst(person, desk) as shown,
    ):
        person.session["BROWSER"] = str(browser)
        with the_agent(person):
            short = begin(person, "--scope", f"{DRIVE}.1")
            wait_until(lambda: shown.shown() == 1, "it is shown")
            long = begin_curl(person)
            wait_until((person.home / "opened").exists, "a page is opened")
            assert "/question/" in (person.home / "opened").read_text()
            assert shown.shown() == 1  # the other one is there still
            for process in (short, long):
                process.terminate()
                person.finish(process)


def test_a_notification_goes_when_somebody_answers_elsewhere(asked: Person) -> None:
    with (
        desktop(None) as desk,
        session_bus(asked, services=False),
        dunst(asked, desk) as shown,
        the_agent(asked, "--ask", "notification") as heard,
    ):
        waiting = begin(asked)
        wait_until(lambda: shown.shown() == 1, "it is shown")
        forge_presses(asked)
        (question,) = questions(asked)
        assert asked.brokerctl("approve", str(question["id"]), "--once").status == 0
        token(asked, waiting)
        wait_until(lambda: shown.shown() == 0, "it is gone")
        assert "allowed" not in heard.read_text()
    assert asked.json("consents")["consents"] == []


def test_a_command_of_the_persons_own_answers_for_good_until_it_is_revoked(
    asked: Person,
) -> None:
    script = asked.home / "asker"
    script.write_text(f"#!/bin/sh\ncat >{asked.home}/question\necho always\n")
    script.chmod(0o755)
    own(script)
    with the_agent(asked, "--ask", "command", "--command", str(script)):
        token(asked, asked.start("brokerctl", "token", "demo"))
    told = json.loads((asked.home / "question").read_text())
    assert told["account"] == "demo"
    asked.token("demo")
    assert asked.brokerctl("stop").status == 0
    asked.token("demo")  # it outlives the daemon
    remembered = asked.json("consents")["consents"]
    assert isinstance(remembered, list)
    consent_id = str(remembered[0]["id"])
    assert asked.brokerctl("consents", "revoke", consent_id).status == 0
    waiting = begin(asked)
    waiting.terminate()
    asked.finish(waiting)


def test_at_a_terminal_a_question_is_shown_and_answered(asked: Person) -> None:
    waiting = begin(asked)
    with terminal(asked) as one:
        process = asked.start(
            "brokerctl", "approve", stdin=one.device, stderr=one.device
        )
        one.await_text("Your answer")
        one.type("session\n")
        said = asked.finish(process)
    assert said.output.endswith("allowed for this session\n")
    assert "may be imitated" in said.output
    token(asked, waiting)


def test_who_does_not_wait_is_told_at_once_and_comes_back(asked: Person) -> None:
    answer = call(asked, "POST", "/v1/token", {"wait": 0})
    assert isinstance(answer, dict)
    assert answer["code"] == "consent_pending"
    question_id = str(answer["question"])
    assert asked.brokerctl("approve", question_id, "--once").status == 0
    served = call(asked, "POST", "/v1/token", {"wait": 0})
    assert isinstance(served, dict)
    assert served["account"] == "demo"
    again = call(asked, "POST", "/v1/token", {"wait": 0})
    assert isinstance(again, dict)
    assert again["code"] == "consent_pending"


ASK_TWICE = """
ask() { curl --silent --unix-socket "$BROKERD_SOCKET" -d "$1" http://broker/v1/token; }
ask '{"wait": 60}' >"$1.first"
ask '{"wait": 0}' >"$1.second"
"""


def in_a_terminal(person: Person, name: str) -> subprocess.Popen[str]:
    """Two programs, one after the other, in one session of a terminal of their own."""
    script = person.home / "twice"
    script.write_text(ASK_TWICE)
    own(script)
    words = f"BROKERD_SOCKET={person.socket} sh {script} {person.home}/{name}"
    process = person.start("script", "--quiet", "--command", words, "/dev/null")
    wait_until(lambda: bool(questions(person)), "the person is asked")
    return process


def test_an_answer_for_the_session_holds_in_this_terminal_and_in_no_other(
    asked: Person,
) -> None:
    def said(name: str) -> dict[str, object]:
        found = json.loads((asked.home / name).read_text())
        assert isinstance(found, dict)
        return found

    here = in_a_terminal(asked, "here")
    (question,) = questions(asked)
    assert any(one["name"] == "terminal" for one in details(question))
    assert asked.brokerctl("approve", str(question["id"]), "--session").status == 0
    asked.finish(here)
    assert [said(f"here.{which}")["account"] for which in ("first", "second")] == (
        ["demo", "demo"]
    )
    there = in_a_terminal(asked, "there")
    (question,) = questions(asked)
    assert asked.brokerctl("approve", str(question["id"]), "--once").status == 0
    asked.finish(there)
    assert said("there.second")["code"] == "consent_pending"


def details(question: dict[str, object]) -> list[dict[str, str]]:
    """The lines of a question."""
    found = question["details"]
    assert isinstance(found, list)
    return found


def test_a_yes_is_for_the_next_start_of_a_program_that_was_ended(
    asked: Person,
) -> None:
    ended = begin_curl(asked)
    ended.terminate()
    asked.finish(ended)
    wait_until(lambda: questions(asked)[0]["waiting"] == 0, "nobody waits")
    question_id = str(questions(asked)[0]["id"])
    assert asked.brokerctl("approve", question_id, "--once").status == 0
    served = call(asked, "POST", "/v1/token", {"wait": 0})
    assert isinstance(served, dict)
    assert served["account"] == "demo"


def test_no_port_listens_once_the_page_has_gone(asked: Person) -> None:
    waiting = begin(asked)
    (question,) = questions(asked)
    page = call(asked, "POST", f"/v1/questions/{question['id']}/page", {})
    assert isinstance(page, dict)
    assert asked.run("curl", "--silent", page["url"]).status == 0
    assert asked.brokerctl("approve", str(question["id"]), "--deny").status == 0
    assert asked.finish(waiting).status == NOT_PERMITTED
    refused = 7
    wait_until(
        lambda: asked.run("curl", "--silent", page["url"]).status == refused,
        "nothing listens",
    )
