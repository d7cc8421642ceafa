"""A store whose key a real GNOME Keyring keeps, in all that can befall it."""

import inspect
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import pytest

from tests.contracts import keeper
from tests.system.hunt import hunt
from tests.system.issuers import Sandbox
from tests.system.keyring import lock, log_in, pid_of_keyring, session_bus
from tests.system.person import Person
from tests.system.sign_in import sign_in

LOCKED = 16
UNAVAILABLE = 33


@pytest.fixture
def stored(person: Person) -> Iterator[Person]:
    """A person with a store that the keyring opens, and no session now."""
    with session_bus(person):
        log_in(person)
        assert person.json("init", "--key", "secret-service")["store"] == "open"
        assert person.brokerctl("stop").status == 0
    yield person
    assert person.brokerctl("stop").status == 0


def keyrings(person: Person) -> str:
    return str(person.home / ".local/share/keyrings")


def no_keyring_yet(person: Person) -> AbstractContextManager[None]:
    shutil.rmtree(keyrings(person), ignore_errors=True)
    return session_bus(person)


def no_service(person: Person) -> AbstractContextManager[None]:
    return session_bus(person, services=False)


def no_bus(person: Person) -> AbstractContextManager[None]:
    del person
    return nullcontext()


def assert_locked(person: Person, says: str) -> None:
    """The daemon runs, every request says why it cannot serve, and so does unlock."""
    status = person.json("status")
    if status["running"] is False:
        person.brokerctl("accounts")
        status = person.json("status")
    assert status["store"] == "locked"
    assert status["key_source"] == "secret-service"
    assert says in str(status["locked_because"])
    for words in (["token", "demo"], ["unlock"]):
        refused = person.brokerctl(*words)
        assert refused.status == LOCKED, refused
        assert says in refused.complaint


WITHOUT = [
    pytest.param(no_keyring_yet, "the desktop has no keyring", id="no keyring"),
    pytest.param(no_service, "no keyring (Secret Service) answers", id="no service"),
    pytest.param(no_bus, "there is no D-Bus session here", id="no D-Bus"),
]


def test_a_store_under_the_keyring_opens_without_a_question_at_each_start(
    person: Person, quick_sandbox: Sandbox
) -> None:
    with session_bus(person):
        log_in(person)
        made = person.json("init", "--key", "secret-service")
        assert (made["store"], made["key_source"]) == ("open", "secret-service")
        sign_in(person, "demo", quick_sandbox)
        first = person.token("demo")
        assert person.brokerctl("stop").status == 0
        second = person.token("demo")
        assert quick_sandbox.accepts(second)
        assert person.json("status")["key_source"] == "secret-service"
        kept = person.run("secret-tool", "search", "--all", "application", "brokerd")
        assert (kept.output + kept.complaint).count("attribute.key = ") == 1
        assert "attribute.store = " in kept.output + kept.complaint
        assert not person.store.with_suffix(".key").exists()
        (key,) = [
            line.removeprefix("secret = ")
            for line in kept.output.splitlines()
            # 32 bytes in base64; the note beside it is a short number.
            if line.startswith("secret = ") and len(line) > 40
        ]
        person.heard.remove(kept.output)
        assert person.brokerctl("stop").status == 0
        hunt(person, [first, second, key])


@pytest.mark.parametrize(("session", "says"), WITHOUT)
def test_no_store_is_made_where_no_keyring_can_keep_the_key(
    person: Person,
    session: Callable[[Person], AbstractContextManager[None]],
    says: str,
) -> None:
    with session(person):
        refused = person.brokerctl("init", "--key", "secret-service")
        assert refused.status == UNAVAILABLE, refused
        assert says in refused.complaint
        assert not person.store.exists()
        assert person.json("status")["store"] == "none"
        assert person.brokerctl("stop").status == 0


@pytest.mark.parametrize(("session", "says"), WITHOUT)
def test_a_store_whose_keyring_is_missing_starts_locked_and_says_why(
    stored: Person,
    session: Callable[[Person], AbstractContextManager[None]],
    says: str,
) -> None:
    before = stored.store.read_bytes()
    with session(stored):
        assert_locked(stored, says)
        assert stored.brokerctl("stop").status == 0
    assert stored.store.read_bytes() == before


def test_a_keyring_that_is_locked_leaves_the_store_locked_until_it_is_opened(
    stored: Person,
) -> None:
    with session_bus(stored):
        assert_locked(stored, "keyring is locked")
        log_in(stored)
        assert stored.json("unlock")["store"] == "open"
        assert stored.brokerctl("stop").status == 0


def test_a_keyring_that_hangs_keeps_nobody_waiting(stored: Person) -> None:
    with session_bus(stored):
        log_in(stored)
        keyring = pid_of_keyring(stored)
        os.kill(keyring, signal.SIGSTOP)
        try:
            stored.brokerctl("accounts")
            status = stored.json("status")
            assert status["store"] == "locked"
            assert "did not answer" in str(status["locked_because"])
        finally:
            os.kill(keyring, signal.SIGCONT)
        assert stored.json("unlock")["store"] == "open"
        assert stored.brokerctl("stop").status == 0


# --- the source itself, as the person runs it beside the keyring ------------------

KEEPS_ITS_PROMISES = """
from broker.store.keys.secret_service import desktop_keyring
for promise in PROMISES:
    promise(lambda: desktop_keyring(ask=False))
    print(promise.__name__)
"""

ASK_OF_THE_SOURCE = """
import json, logging, secrets, sys
from broker.store.anchor import AnchorUnavailableError
from broker.store.keys.kept import KeptKey
from broker.store.keys.secret_service import desktop_keyring
from broker.store.keys.source import KeyUnavailableError

logging.basicConfig(format="%(message)s")
quiet = lambda: desktop_keyring(ask=False)
source = KeptKey("secret-service", quiet)
said = {}

def tell(name, deed):
    try:
        said[name] = deed()
    except (AnchorUnavailableError, KeyUnavailableError) as exc:
        said[name] = str(exc)

parameters = sys.argv[1] if len(sys.argv) > 1 else None
if parameters is None:
    parameters = source.make(secrets.token_bytes, secrets.token_bytes(16)).parameters
    source.anchor(parameters).write(7)
    said["parameters"] = parameters
tell("probe", source.probe)
tell("read", source.anchor(parameters).read)
tell("write", lambda: source.anchor(parameters).write(8))
tell("read again", source.anchor(parameters).read)
source.forget(parameters)
print(json.dumps(said))
"""

NOBODY_S = json.dumps({"store": "00" * 16, "key": "00" * 8})


def ask_of_the_source(person: Person, *words: str) -> tuple[dict[str, object], str]:
    """What the source answers to each question, and what it says in the log."""
    said = person.run("python", "-c", ASK_OF_THE_SOURCE, *words)
    assert said.status == 0, said
    answers: dict[str, object] = json.loads(said.output)
    return answers, said.complaint


def test_the_real_keyring_promises_what_that_of_the_tests_does(person: Person) -> None:
    with session_bus(person):
        log_in(person)
        script = inspect.getsource(keeper) + KEEPS_ITS_PROMISES
        said = person.run("python", "-c", script)
        kept = [promise.__name__ for promise in keeper.PROMISES]
        assert said.output.split() == kept, said


def test_an_open_keyring_is_ready_keeps_the_generation_and_forgets_the_key(
    person: Person,
) -> None:
    with session_bus(person):
        log_in(person)
        answers, log = ask_of_the_source(person)
        assert answers.pop("parameters")
        assert answers == {"probe": None, "read": 7, "write": None, "read again": 8}
        assert log == ""
        left = person.run("secret-tool", "search", "--all", "application", "brokerd")
        assert "attribute.key = " not in left.output + left.complaint
        assert (left.output + left.complaint).count("attribute.note = ") == 1


def test_a_locked_keyring_is_not_ready_and_forgets_nothing(person: Person) -> None:
    with session_bus(person):
        log_in(person)
        # Made in one go with what is forgotten: this one is to be left.
        made = person.run(
            "python", "-c", ASK_OF_THE_SOURCE.replace("source.forget", "id")
        )
        parameters = str(json.loads(made.output)["parameters"])
        lock(person)
        answers, log = ask_of_the_source(person, parameters)
        assert set(answers.values()) == {"the desktop's keyring is locked"}
        assert "key.forget.failed source=secret-service" in log
        assert "keyring is locked" in log
        log_in(person)
        answers, log = ask_of_the_source(person, parameters)
        assert (answers["read"], log) == (8, "")


@pytest.mark.parametrize(("session", "says"), WITHOUT)
def test_a_keyring_that_is_not_there_is_not_ready_and_stops_nobody(
    person: Person,
    session: Callable[[Person], AbstractContextManager[None]],
    says: str,
) -> None:
    with session(person):
        answers, log = ask_of_the_source(person, NOBODY_S)
        for answer in answers.values():
            assert says in str(answer)
        assert "key.forget.failed source=secret-service" in log
        assert says in log
