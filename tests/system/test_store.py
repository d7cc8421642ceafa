"""The store in a person's hands: keys, locks, copies, and what the files show."""

import json
import shutil
from pathlib import Path

from tests.system.hunt import hunt
from tests.system.issuers import Sandbox
from tests.system.keyring import log_in, session_bus
from tests.system.person import Person, Said, daemon, new_person, own
from tests.system.sign_in import sign_in
from tests.system.terminal import terminal
from tests.system.waiting import wait_until

LOCKED = 16
UNHEALTHY = 39

FIRST, SECOND, OF_BACKUP = "c4n4ry-one", "c4n4ry-two", "c4n4ry-backup"
PHRASES = (FIRST, SECOND, OF_BACKUP)


def succeeded(said: Said) -> Said:
    assert said.status == 0, said
    return said


def slots(person: Person) -> list[str]:
    listed = person.json("key", "list")["slots"]
    assert isinstance(listed, list)
    return [f"{slot['slot']} {slot['source']}" for slot in listed]


def findings(person: Person, status: int = 0) -> dict[str, str]:
    """What doctor says of each check: the level, and all that it found."""
    said = person.brokerctl("doctor", "--json")
    assert said.status == status, said
    found: dict[str, str] = {}
    for one in json.loads(said.output)["findings"]:
        line = f"{one['level']}: {one['what']}\n"
        found[one["check"]] = found.get(one["check"], "") + line
    return found


def names_inside(person: Person) -> list[str]:
    """What is in the accounts and must not be readable in a file."""
    listed = person.json("accounts")["accounts"]
    assert isinstance(listed, list)
    (account,) = listed
    told = [account[name] for name in ("account", "issuer", "client_id", "subject")]
    return [str(value) for value in (*told, *account["scopes"]) if value]


def assert_reads_as_noise(path: Path, words: list[str]) -> None:
    """`strings` of the file shows none of them."""
    held = path.read_bytes()
    assert words
    assert [word for word in words if word.encode() in held] == []


def restart(person: Person) -> None:
    assert person.brokerctl("stop").status == 0
    person.brokerctl("accounts")


def test_keys_locks_and_copies_of_one_store_over_its_life(
    person: Person, quick_sandbox: Sandbox
) -> None:
    made = succeeded(person.brokerctl("init"))
    assert made.output == "made a store (key source: plain)\n"
    sign_in(person, "demo-account", quick_sandbox)
    tokens = [person.token("demo-account")]

    # Two ways in, then the passphrase alone.
    succeeded(person.types(f"{FIRST}\n", "key", "add", "passphrase"))
    assert slots(person) == ["1 plain", "2 passphrase"]
    succeeded(person.brokerctl("key", "remove", "1", "--yes"))
    assert slots(person) == ["2 passphrase"]
    assert not list(person.store.parent.glob("*.key"))

    # Locked: everything says so at once; the passphrase opens it, another does not.
    succeeded(person.brokerctl("lock"))
    refused = person.brokerctl("token", "demo-account")
    assert refused.status == LOCKED
    assert "brokerctl unlock" in refused.complaint
    assert person.types("wrong\n", "unlock").status == LOCKED
    succeeded(person.types(f"{FIRST}\n", "unlock"))
    tokens.append(person.token("demo-account"))

    # A new passphrase, then a new data key; a restart finds both.
    succeeded(person.types(f"{SECOND}\n", "key", "rotate"))
    succeeded(person.types(f"{SECOND}\n", "key", "rotate", "--data"))
    before = person.json("status")
    restart(person)
    assert person.types(f"{FIRST}\n", "unlock").status == LOCKED
    succeeded(person.types(f"{SECOND}\n", "unlock"))

    status = person.json("status")
    assert (status["store"], status["key_source"]) == ("open", "passphrase")
    assert status["slots"] == [{"slot": 2, "source": "passphrase", "in_use": True}]
    # The end of the audit log is saved as the daemon ends, and may be after.
    assert str(status["generation"]) in {
        str(before["generation"]),
        str(int(str(before["generation"])) + 1),
    }
    assert (status["degraded"], status["old_copy"], status["altered"]) == (
        None,
        False,
        False,
    )

    # The whole of it on another machine.
    inside = names_inside(person)
    backup = person.home / "a backup"
    succeeded(person.types(f"{OF_BACKUP}\n", "backup", str(backup)))
    with new_person() as elsewhere:
        shutil.copy(backup, elsewhere.home / "brought")
        own(elsewhere.home / "brought")
        words = ("restore", "brought", "--key", "passphrase")
        assert elsewhere.types(f"{FIRST}\n{SECOND}\n", *words).status == LOCKED
        assert not elsewhere.store.exists()
        succeeded(elsewhere.types(f"{OF_BACKUP}\n{FIRST}\n", *words))
        tokens.append(elsewhere.token("demo-account"))
        assert quick_sandbox.accepts(tokens[-1])
        assert slots(elsewhere) == ["1 passphrase"]
        assert elsewhere.brokerctl("stop").status == 0
        hunt(elsewhere, [*tokens, *PHRASES])
    assert person.brokerctl("stop").status == 0

    assert len(inside) >= 4
    for file in (person.store, backup):
        assert_reads_as_noise(file, [*inside, "127.0.0.1", *tokens])
    hunt(person, [*tokens, *PHRASES])


def test_a_backup_takes_the_place_of_a_store_that_is_set_aside(
    person: Person, quick_sandbox: Sandbox
) -> None:
    sign_in(person, "demo", quick_sandbox)
    succeeded(person.types(f"{OF_BACKUP}\n", "backup", "saved"))
    succeeded(person.brokerctl("logout", "demo", "--local-only"))
    refused = person.types(f"{OF_BACKUP}\n", "restore", "saved")
    assert "--set-aside" in refused.complaint
    words = ("restore", "saved", "--set-aside", "--yes")
    succeeded(person.types(f"{OF_BACKUP}\n", *words))
    assert quick_sandbox.accepts(person.token("demo"))
    aside = list(person.store.parent.glob("store.db.aside-*"))
    assert len(aside) == 1


def test_doctor_finds_a_file_that_others_can_read_with_and_without_a_daemon(
    person: Person,
) -> None:
    succeeded(person.brokerctl("init", "--key", "plain"))
    well = findings(person)
    assert {said.partition(":")[0] for said in well.values()} == {"ok"}, well
    assert "no other program of yours can read its memory" in well["process"]
    assert "secret-service" in well["key-source"]
    key = person.store.with_suffix(".key")
    key.chmod(0o644)
    assert (
        "store.key is open to other users (mode 0644)"
        in findings(person, UNHEALTHY)["state-folder"]
    )
    assert person.brokerctl("stop").status == 0
    assert "store.key" in findings(person, UNHEALTHY)["state-folder"]
    key.chmod(0o600)
    assert "1 plain" in findings(person)["store"]


def test_a_store_that_was_put_back_from_an_older_copy_is_told(
    person: Person, quick_sandbox: Sandbox
) -> None:
    sign_in(person, "demo", quick_sandbox)
    assert person.brokerctl("stop").status == 0
    copy = person.home.parent / "copy"
    shutil.copy(person.store, copy)
    sign_in(person, "second", quick_sandbox)
    assert person.json("status")["old_copy"] is False
    assert person.brokerctl("stop").status == 0
    shutil.copy(copy, person.store)
    person.brokerctl("accounts")
    assert person.json("status")["old_copy"] is True
    assert "older copy" in person.brokerctl("status").output
    assert "warning: an older copy" in findings(person)["store"]


def test_a_keyring_that_is_opened_after_the_daemon_has_started_opens_the_store(
    person: Person,
) -> None:
    with session_bus(person):
        log_in(person)
        assert person.json("init", "--key", "secret-service")["store"] == "open"
        assert person.brokerctl("stop").status == 0
    with session_bus(person):
        person.brokerctl("accounts")
        assert "keyring is locked" in str(person.json("status")["locked_because"])
        log_in(person)
        wait_until(
            lambda: person.json("status")["store"] == "open",
            "the store opens by itself",
        )
        assert person.brokerctl("stop").status == 0


def test_in_a_session_with_a_keyring_it_is_taken_without_a_question(
    person: Person,
) -> None:
    with session_bus(person):
        log_in(person)
        made = succeeded(person.brokerctl("init"))
        assert made.output == "made a store (key source: secret-service)\n"
        said = findings(person)
        assert said["key-source"].startswith("ok: secret-service")
        assert "so is the store" in said["slots"]
        succeeded(person.types(f"{FIRST}\n", "key", "add", "passphrase"))
        assert findings(person)["slots"].startswith("ok")
        assert person.brokerctl("stop").status == 0
    # The keyring is gone with the session: the passphrase is there for that day.
    succeeded(person.types(f"{FIRST}\n", "unlock"))
    hunt(person, PHRASES)


def test_what_the_kernel_remembers_opens_the_store_at_the_next_start(
    person: Person,
) -> None:
    succeeded(person.types(f"{FIRST}\n", "init", "--key", "passphrase"))
    restart(person)
    assert person.json("status")["store"] == "locked"
    succeeded(person.types(f"{FIRST}\n", "unlock", "--remember", "1h"))
    restart(person)
    assert person.json("status")["store"] == "open"
    succeeded(person.brokerctl("lock"))
    restart(person)
    assert person.json("status")["store"] == "locked"


def test_a_store_that_nobody_uses_locks_itself(person: Person) -> None:
    config = person.home / ".config/brokerd/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[store]\nlock_after_idle = "1s"\n')
    for path in (config, config.parent, config.parent.parent):
        own(path)
    succeeded(person.types(f"{FIRST}\n", "init", "--key", "passphrase"))
    wait_until(lambda: person.json("status")["store"] == "locked", "it locks itself")
    assert "for a while" in str(person.json("status")["locked_because"])
    succeeded(person.types(f"{FIRST}\n", "unlock"))


def test_the_agent_asks_with_a_real_pinentry_and_unlocks(person: Person) -> None:
    with daemon(person), terminal(person) as screen:
        succeeded(person.types(f"{FIRST}\n", "init", "--key", "passphrase"))
        agent = person.start(
            *("env", "TERM=xterm", "brokerctl", "agent"),
            *("--pinentry", "pinentry-curses"),
            stdin=screen.device,
        )
        succeeded(person.brokerctl("lock"))
        screen.await_text("Passphrase:")
        screen.type("wrong\r")
        screen.await_text("does not open it")
        screen.type(f"{FIRST}\r")
        wait_until(lambda: person.json("status")["store"] == "open", "it is open")
        agent.terminate()
        assert person.finish(agent).output == "unlocked\n"
    hunt(person, PHRASES)


def test_at_a_terminal_init_shows_the_choice_and_takes_a_hidden_passphrase(
    person: Person,
) -> None:
    with daemon(person), terminal(person) as screen:
        making = person.start(
            "brokerctl", "init", stdin=screen.device, stderr=screen.device
        )
        screen.await_text("Which")
        assert "passphrase: a passphrase of yours" in screen.shown
        screen.type("4\r")
        screen.await_text("Passphrase of the new store")
        screen.type(f"{FIRST}\r")
        screen.await_text("Repeat for confirmation")
        screen.type(f"{FIRST}\r")
        made = succeeded(person.finish(making))
        assert made.output == "made a store (key source: passphrase)\n"
    hunt(person, PHRASES)
